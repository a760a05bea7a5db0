/** Golden cases, as the README beside them describes the format. */
import { fixtureFolder, readFixture } from "#fixture-files";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { readSafetensors } from "./safetensors.ts";

/** A Python scalar; "inf", "-inf" and "nan" are spelled out. */
export interface ScalarInput {
  readonly scalar: number | boolean | string;
  readonly type: "int" | "float" | "bool";
}
export interface Case {
  readonly name: string;
  readonly op: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly inputs: readonly (string | ScalarInput)[];
  readonly outputs: readonly string[];
  readonly weakOutputs?: readonly number[];
  readonly exact?: boolean;
  readonly tolerance?: { readonly abs: number; readonly rel: number };
  readonly tags?: readonly string[];
}
export interface Family {
  readonly name: string;
  readonly cases: readonly Case[];
  readonly tensor: (key: string) => HostTensor;
}

export const familyNames = [
  "unary",
  "binary",
  "convert",
  "narrow",
  "reduce",
  "shape",
  "indexing",
  "dot",
  "sort",
  "random",
  "nn",
  "transforms",
  "sharding",
] as const;
export type FamilyName = (typeof familyNames)[number];

export function readFamily(name: FamilyName, folder = fixtureFolder): Family | undefined {
  const json = readFixture(`${name}.json`, folder);
  if (!json) return undefined;
  const { cases } = JSON.parse(textOf(json)) as { cases: Case[] };
  const tensors = `${name}.safetensors`;
  return { name, cases, tensor: readSafetensors(tensors, readFixture(tensors, folder) ?? new Uint8Array()) };
}

const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

/** A JSON-only family: promotion, pytrees, jaxprs. */
export const readDocument = <T>(name: string, folder = fixtureFolder): T =>
  JSON.parse(textOf(readFixture(`${name}.json`, folder))) as T;

/** Every `step`-th case after a shuffle with a fixed seed, so that each op keeps its share. */
export function sample<T>(items: readonly T[], fraction: number, seed = 1): T[] {
  // A linear congruential generator is random enough for a choice.
  let state = seed;
  return items.filter(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 < fraction;
  });
}
