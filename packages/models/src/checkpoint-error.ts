/** How every complaint about a checkpoint reads: file, key, what must hold, what was found. */
import { CheckpointError } from "jaxscale";

/**
 * @param place the file, and the key within it if there is one
 * @param rule what must hold, beginning with "must"
 * @param found what is there instead
 */
export function refused(place: { file: string; key?: string }, rule: string, found: string): CheckpointError {
  const { file, key } = place;
  return new CheckpointError(`${file}: ${key === undefined ? "" : `${quoted(key)}: `}${rule}; got ${found}`);
}

/** Text from a file, safe to print: no control characters, not endless. */
export function quoted(text: string): string {
  const short = text.length > 120 ? `${text.slice(0, 100)}…(${text.length} characters)` : text;
  return short.replace(
    /[^\x20-\x7e\u00a0-\ud7ff\ue000-\uffff…]/gu,
    (c) => `\\u{${(c.codePointAt(0) as number).toString(16)}}`,
  );
}

/** A value of a JSON file as messages show it. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  let text: string;
  try {
    text = JSON.stringify(value);
  } catch {
    text = String(value);
  }
  return quoted(text);
}

export const shapeText = (shape: readonly number[]): string => `[${shape.join(",")}]`;
