/**
 * JSON of unknown origin. Unlike `JSON.parse` it rejects duplicate keys and nesting beyond a limit, and returns
 * objects without a prototype, so that a key named `__proto__` is a key like any other. @see https://www.rfc-editor.org/rfc/rfc8259
 */
import { quoted, refused } from "../checkpoint-error.ts";

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export interface JsonOptions {
  /** For messages. */
  readonly file: string;
  /** Maximum nesting depth. */
  readonly maxDepth?: number;
}

/** @throws CheckpointError naming the file and the place */
export function parseJson(text: string, { file, maxDepth = 32 }: JsonOptions): JsonValue {
  return new Parser(text, file, maxDepth).document();
}

const space = /[ \t\n\r]*/y;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const words: readonly (readonly [string, JsonValue])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

class Parser {
  readonly #text: string;
  readonly #file: string;
  readonly #maxDepth: number;
  #at = 0;

  constructor(text: string, file: string, maxDepth: number) {
    this.#text = text;
    this.#file = file;
    this.#maxDepth = maxDepth;
  }

  document(): JsonValue {
    const value = this.#value(0, undefined);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected("must end after the JSON value");
    return value;
  }

  #value(depth: number, key: string | undefined): JsonValue {
    this.#skipSpace();
    const first = this.#text[this.#at];
    if (first === '"') return this.#string();
    if (first === "{" || first === "[") {
      if (depth >= this.#maxDepth)
        throw refused({ file: this.#file, key }, `must nest at most ${this.#maxDepth} deep`, "more");
      this.#at++;
      return first === "{" ? this.#object(depth + 1) : this.#array(depth + 1, key);
    }
    for (const [word, value] of words)
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    number.lastIndex = this.#at;
    const found = number.exec(this.#text)?.[0];
    if (found === undefined) throw this.#unexpected("must be valid JSON");
    this.#at += found.length;
    return Number(found);
  }

  #object(depth: number): JsonObject {
    const object: Record<string, JsonValue> = Object.create(null);
    if (this.#takes("}")) return object;
    do {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') throw this.#unexpected("must have a key in quotes here");
      const key = this.#string();
      if (Object.hasOwn(object, key)) throw refused({ file: this.#file, key }, "must occur once", "the key twice");
      this.#require(":");
      object[key] = this.#value(depth, key);
    } while (this.#takes(","));
    this.#require("}");
    return object;
  }

  #array(depth: number, key: string | undefined): JsonValue[] {
    const array: JsonValue[] = [];
    if (this.#takes("]")) return array;
    do array.push(this.#value(depth, key));
    while (this.#takes(","));
    this.#require("]");
    return array;
  }

  #string(): string {
    const start = this.#at;
    let end = start;
    for (let escaped = true; escaped; ) {
      end = this.#text.indexOf('"', end + 1);
      if (end < 0) throw refused({ file: this.#file }, "must close every string", `none after character ${start}`);
      let slashes = 0;
      while (this.#text[end - 1 - slashes] === "\\") slashes++;
      escaped = slashes % 2 === 1;
    }
    this.#at = end + 1;
    try {
      return JSON.parse(this.#text.slice(start, end + 1)) as string;
    } catch {
      this.#at = start;
      throw this.#unexpected("must have valid strings");
    }
  }

  #skipSpace(): void {
    space.lastIndex = this.#at;
    space.exec(this.#text);
    this.#at = space.lastIndex;
  }

  #takes(sign: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #require(sign: string): void {
    if (!this.#takes(sign)) throw this.#unexpected(`must have ${sign} here`);
  }

  #unexpected(rule: string): Error {
    const found = this.#at < this.#text.length ? quoted(this.#text.slice(this.#at, this.#at + 20)) : "the end";
    return refused({ file: this.#file }, rule, `${found} at character ${this.#at}`);
  }
}
