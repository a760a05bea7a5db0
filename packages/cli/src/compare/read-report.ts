/** JSON files of `jaxscale benchmark`, from anywhere. */
import { readFileSync } from "node:fs";
import type { DType } from "jaxscale";
import { type Environment, type Place, reportFormat } from "../benchmark-report.ts";

/** Times of a configuration's runs in ms, or why there are none. */
export type ComparedRow = Place &
  (
    | {
        readonly prefillMs: readonly number[];
        readonly stepsMs: readonly (readonly number[])[];
        readonly peakBytes: number;
      }
    | { readonly error: string }
  );

/** What a comparison needs of a report. */
export interface ComparedReport {
  readonly file: string;
  readonly model: string;
  readonly dtype: DType | string;
  readonly environment: Environment;
  readonly rows: readonly ComparedRow[];
}

/** @throws RangeError that names the file, the key, the rule and what was found */
export function readReport(file: string): ComparedReport {
  const report = new Found(file, "", parsed(file));
  const format = report.key("format");
  if (format.value !== reportFormat)
    throw format.refused(
      `must be ${JSON.stringify(reportFormat)}, as \`jaxscale benchmark --output\` of this version writes it`,
    );
  const environment = report.key("environment");
  return {
    file,
    model: report.key("model").text(),
    dtype: report.key("dtype").text(),
    environment: {
      adapter: environment.key("adapter").text(),
      devices: environment.key("devices").number(1),
      processor: environment.key("processor").text(),
      threads: environment.key("threads").number(1),
      memoryBytes: environment.key("memoryBytes").number(0),
      system: environment.key("system").text(),
      node: environment.key("node").text(),
      date: environment.key("date").text(),
      load: environment.key("load").number(0),
    },
    rows: report.key("rows").list(0).map(rowOf),
  };
}

function rowOf(row: Found): ComparedRow {
  const [tp, dp, ep, batch, promptTokens] = ["tp", "dp", "ep", "batch", "promptTokens"].map((name) =>
    row.key(name).number(1),
  );
  const place = { tp, dp, ep, batch, promptTokens };
  const error = row.key("error");
  if (error.value !== undefined) return { ...place, error: error.text() };
  const runs = row.key("runs").list(1);
  return {
    ...place,
    prefillMs: runs.map((run) => run.key("prefillMs").time()),
    stepsMs: runs.map((run) =>
      run
        .key("stepsMs")
        .list(1)
        .map((step) => step.time()),
    ),
    peakBytes: row.key("peakBytes").number(0),
  };
}

function parsed(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new RangeError(`${file}: must be a file that can be read; got ${(error as Error).message}`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RangeError(`${file}: must be JSON; got ${(error as Error).message}`);
  }
}

/** A value of the file, and where it stands. */
class Found {
  readonly #file: string;
  readonly #path: string;
  readonly value: unknown;

  constructor(file: string, path: string, value: unknown) {
    this.#file = file;
    this.#path = path;
    this.value = value;
  }

  key(name: string): Found {
    const { value } = this;
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw this.refused("must be an object");
    const own = Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
    return new Found(this.#file, this.#path === "" ? name : `${this.#path}.${name}`, own);
  }

  list(least: number): Found[] {
    if (!Array.isArray(this.value) || this.value.length < least)
      throw this.refused(least > 0 ? "must be a list that is not empty" : "must be a list");
    return this.value.map((item, i) => new Found(this.#file, `${this.#path}[${i}]`, item));
  }

  text(): string {
    if (typeof this.value !== "string") throw this.refused("must be a string");
    return this.value;
  }

  number(least: number): number {
    const { value } = this;
    if (typeof value !== "number" || !(value >= least)) throw this.refused(`must be a number, at least ${least}`);
    return value;
  }

  /** In ms. */
  time(): number {
    const { value } = this;
    if (typeof value !== "number" || !(value > 0)) throw this.refused("must be a number above 0");
    return value;
  }

  refused(rule: string): RangeError {
    const text = JSON.stringify(this.value) ?? "nothing";
    const got = text.length > 80 ? `${text.slice(0, 60)}…` : text;
    return new RangeError(`${this.#file}: ${this.#path === "" ? "" : `${this.#path} `}${rule}; got ${got}`);
  }
}
