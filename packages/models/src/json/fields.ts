/** Typed fields of a JSON object; errors name the file and the key. */
import { refused, shown } from "../checkpoint-error.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./parse.ts";

interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** A missing or null key has the default value; without a default it is an error. */
export class Fields {
  readonly file: string;
  readonly #object: JsonObject;
  readonly #prefix: string;

  constructor(file: string, object: JsonObject, prefix = "") {
    this.file = file;
    this.#object = object;
    this.#prefix = prefix;
  }

  /** The raw value; undefined if missing. */
  raw(key: string): JsonValue | undefined {
    return Object.hasOwn(this.#object, key) ? this.#object[key] : undefined;
  }

  /** The names of all fields. */
  keys(): readonly string[] {
    return Object.keys(this.#object);
  }

  /** A whole number within bounds. */
  integer(key: string, defaultValue?: number, { min = 1, max = 2 ** 31 - 1 }: Range = {}): number {
    return this.#read(
      key,
      defaultValue,
      (value): value is number => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
      max === 2 ** 31 - 1 ? `an integer, at least ${min}` : `an integer from ${min} to ${max}`,
    );
  }

  /** A finite number within bounds. */
  number(key: string, defaultValue?: number, { min = -Infinity, max = Infinity }: Range = {}): number {
    return this.#read(
      key,
      defaultValue,
      (value): value is number => typeof value === "number" && Number.isFinite(value) && value >= min && value <= max,
      min === -Infinity
        ? "a number"
        : max === Infinity
          ? `a number, at least ${min}`
          : `a number from ${min} to ${max}`,
    );
  }

  /** A boolean. */
  boolean(key: string, defaultValue?: boolean): boolean {
    return this.#read(key, defaultValue, (value): value is boolean => typeof value === "boolean", "true or false");
  }

  /** A text. */
  string(key: string, defaultValue?: string): string {
    return this.#read(key, defaultValue, (value): value is string => typeof value === "string", "a string");
  }

  /** An object. */
  object(key: string): Fields | undefined {
    const value = this.raw(key);
    if (value === undefined || value === null) return undefined;
    if (!isJsonObject(value)) throw this.error(key, "must be an object", shown(value));
    return new Fields(this.file, value, `${this.#prefix}${key}.`);
  }

  /** One integer or a list of them, as a list; undefined if missing or null. */
  integers(key: string): readonly number[] | undefined {
    const value = this.raw(key);
    if (value === undefined || value === null) return undefined;
    const list = Array.isArray(value) ? value : [value];
    if (!list.every((item): item is number => Number.isInteger(item) && (item as number) >= 0))
      throw this.error(key, "must be a token id or a list of them", shown(value));
    return list;
  }

  /** A list of texts. */
  strings(key: string): readonly string[] | undefined {
    const value = this.raw(key);
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value) || !value.every((item): item is string => typeof item === "string"))
      throw this.error(key, "must be a list of strings", shown(value));
    return value;
  }

  /** An error that names the file, the key, and the expected and found values. */
  error(key: string, rule: string, found: string): Error {
    return refused({ file: this.file, key: `${this.#prefix}${key}` }, rule, found);
  }

  /** Throws unless the condition holds. @throws CheckpointError if `holds` is false */
  require(holds: boolean, key: string, rule: string, found: string | number): void {
    if (!holds) throw this.error(key, rule, String(found));
  }

  #read<T extends JsonValue>(
    key: string,
    defaultValue: T | undefined,
    accepts: (value: unknown) => value is T,
    what: string,
  ): T {
    const value = this.raw(key);
    if ((value === undefined || value === null) && defaultValue !== undefined) return defaultValue;
    if (!accepts(value)) throw this.error(key, `must be ${what}`, shown(value));
    return value;
  }
}
