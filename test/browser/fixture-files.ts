/** Golden cases in a page: brought beforehand, since they are read synchronously. */

const files = new Map<string, Uint8Array>();

export const addFixture = (name: string, bytes: Uint8Array): unknown => files.set(name, bytes);

/** Fetches all fixtures from the server of the page. */
export async function fetchFixtures(): Promise<void> {
  const names = (await (await fetch("/fixtures")).json()) as string[];
  await Promise.all(
    names.map(async (name) => {
      const response = await fetch(`/fixtures/${name}`);
      addFixture(name, new Uint8Array(await response.arrayBuffer()));
    }),
  );
}

export const fixtureFolder = "";

export const readFixture = (name: string, _folder = fixtureFolder): Uint8Array | undefined => files.get(name);
