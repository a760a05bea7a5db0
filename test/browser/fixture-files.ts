/** Golden cases in a page: fetched beforehand, since they are read synchronously. */

const files = new Map<string, Uint8Array>();

/** Fetches all fixtures from the server of the page. */
export async function fetchFixtures(): Promise<void> {
  const names = (await (await fetch("/fixtures")).json()) as string[];
  await Promise.all(
    names.map(async (name) => {
      const response = await fetch(`/fixtures/${name}`);
      files.set(name, new Uint8Array(await response.arrayBuffer()));
    }),
  );
}

export const fixtureFolder = "";

export const readFixture = (name: string, _folder = fixtureFolder): Uint8Array | undefined => files.get(name);
