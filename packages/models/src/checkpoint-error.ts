/** The error for bad checkpoints: it names the file, the key, the rule and the value found. */
import { CheckpointError } from "jaxscale";

/**
 * @param place the file, and the key within it if there is one
 * @param rule the violated rule, beginning with "must"
 * @param found the value found
 */
export function refused(place: { file: string; key?: string }, rule: string, found: string): CheckpointError {
  const { file, key } = place;
  return new CheckpointError(`${file}: ${key === undefined ? "" : `${quoted(key)}: `}${rule}; got ${found}`);
}

/** Text from a file, safe to print: control characters escaped, length limited. */
export function quoted(text: string): string {
  const short = text.length > 120 ? `${text.slice(0, 100)}…(${text.length} characters)` : text;
  return short.replace(
    /[^\x20-\x7e\u00a0-\ud7ff\ue000-\uffff…]/gu,
    (c) => `\\u{${(c.codePointAt(0) as number).toString(16)}}`,
  );
}

/** Formats a JSON value for messages. */
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
