/** Winners kept between runs, in one JSON file: by adapter and driver, version of the schedules, and shape class. */
import type { ScheduleParameters } from "../fuse/parameters.ts";
import type { Candidate } from "../fuse/tuning/candidates.ts";

/** Where a small text is kept by name; the runtime's platform is one. */
export interface TextStore {
  readCache(name: string): string | undefined;
  /** Replaces a text by what `change` makes of it, with no other writer in between. */
  updateCache(name: string, change: (old: string | undefined) => string): void;
}

export const winnersFile = "schedules.json";
const formatVersion = 1;

type Entries = Record<string, Record<string, Candidate>>;

let warned = false;

/** Winners of one key. A file that cannot be read counts as empty, with one warning. */
export function readWinners(store: TextStore, key: string, known: ScheduleParameters): Map<string, Candidate> {
  const entries = parse(store.readCache(winnersFile))[key] ?? {};
  const valid = Object.entries(entries).filter(([, candidate]) => fits(candidate, known));
  return new Map(valid);
}

/** Adds winners to what is there by now. */
export function writeWinners(store: TextStore, key: string, winners: ReadonlyMap<string, Candidate>): void {
  store.updateCache(winnersFile, (old) => {
    const entries = parse(old);
    const merged: Entries = { ...entries, [key]: { ...entries[key], ...Object.fromEntries(winners) } };
    return JSON.stringify({ version: formatVersion, entries: merged }, undefined, 1);
  });
}

function parse(text: string | undefined): Entries {
  if (text === undefined) return {};
  try {
    const { version, entries } = JSON.parse(text);
    // Another version of the library writes another format: no fault.
    if (version !== formatVersion) return {};
    if (isRecord(entries) && Object.values(entries).every(isRecord)) return entries as Entries;
  } catch {
    // Warned of below.
  }
  if (!warned) console.warn(`jaxscale: the cache file ${winnersFile} is damaged and will be written anew`);
  warned = true;
  return {};
}

const isRecord = (x: unknown): x is Record<string, unknown> => typeof x === "object" && x !== null && !Array.isArray(x);

/** Whether it names parameters that exist, with values of their types. */
function fits(candidate: unknown, known: ScheduleParameters): candidate is Candidate {
  return (
    isRecord(candidate) &&
    Object.entries(candidate).every(([name, value]) => {
      const like = known[name as keyof ScheduleParameters];
      return (
        typeof value === typeof like && (typeof value === "boolean" || (Number.isInteger(value) && Number(value) >= 0))
      );
    })
  );
}
