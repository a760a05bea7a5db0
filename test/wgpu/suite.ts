/** What a program in Deno tells the one that started it: lines of JSON on standard output. */
import type { Status } from "../conformance/run-table.ts";

/** What these programs use of Deno. */
interface DenoNamespace {
  readonly args: readonly string[];
  readFileSync(path: string): Uint8Array<ArrayBuffer>;
  readDirSync(path: string): Iterable<{ readonly name: string }>;
}

export const { Deno } = globalThis as unknown as { readonly Deno: DenoNamespace };

export interface Verdict {
  /** A family of golden cases, or the models. */
  readonly group: string;
  readonly name: string;
  readonly status: Status;
  readonly message?: string;
}

/** The last line. Without one the suite did not come to its end. */
export interface Ending {
  readonly adapter: string;
}

/** Before each line: what a case prints has none. */
export const mark = "@ ";

export const say = (line: Verdict | Ending): void => console.log(`${mark}${JSON.stringify(line)}`);

/** Says whether a case passes. @param failure resolves to what is wrong, or undefined; what it throws is wrong too */
export async function check(group: string, name: string, failure: () => Promise<string | undefined>): Promise<void> {
  const message = await failure().catch((error: Error) => `${error.name}: ${error.message}`);
  say({ group, name, status: message === undefined ? "passed" : "failed", message });
}

/** Plain files of a folder, by name. */
export const readFolder = (folder: string): [name: string, bytes: Uint8Array<ArrayBuffer>][] =>
  [...Deno.readDirSync(folder)].map(({ name }) => [name, Deno.readFileSync(`${folder}/${name}`)]);
