/** Numbers as a reader wants them. */

/** Whole numbers as they are, others with three or four significant digits. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value)) return value.toLocaleString("en");
  if (size >= 1000) return value.toLocaleString("en", { maximumFractionDigits: 0 });
  return value.toFixed(size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4);
}

export const percent = (share: number | null): string =>
  share === null || !Number.isFinite(share) ? "–" : `${(100 * share).toFixed(1)} %`;

const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];

export function bytes(value: number): string {
  const power = value < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  return `${power === 0 ? value : (value / 2 ** (10 * power)).toFixed(1)} ${units[power]}`;
}

/** A change, with its sign. */
export const change = (from: number, to: number): string =>
  from === 0 ? "–" : `${to >= from ? "+" : "−"}${((100 * Math.abs(to - from)) / from).toFixed(1)} %`;

/** The name of a file and a line of it: `train.ts:12`. */
export const shortSite = (site: string): string => site.replace(/^.*\//, "").replace(/:\d+$/, "");
