/** Tensor, data and expert parallelism: from numbers of devices to a mesh. */
import * as jax from "jaxscale";
import { architectureOf, type ModelConfig } from "../architectures.ts";
import { ModelMesh } from "./model-mesh.ts";

/** Over how many devices a model is split, in each way; 1 if absent. */
export interface Parallelism {
  /** Tensor parallelism: heads, hidden units and vocabulary. */
  readonly tp?: number;
  /** Data parallelism: rows of a batch. */
  readonly dp?: number;
  /** Expert parallelism: experts. */
  readonly ep?: number;
}

/** What a family can split: sizes by the keys of its config. */
export interface SplitSizes {
  /** Each must be a multiple of `tp`. */
  readonly tensor: Readonly<Record<string, number>>;
  /** Each must be a multiple of `ep`. */
  readonly expert?: Readonly<Record<string, number>>;
  /** Heads of keys and values in caches; absent if caches have none. Their number divides `tp`, or is a multiple of it. */
  readonly keyValueHeads?: number;
}

/**
 * The mesh of a model. Its axes are those of `data`, `expert`, `tensor` that have several devices. Where there are more devices
 * than key and value heads, devices that share a head are an axis of their own, `group`: keys and values are not split over it.
 * @param devices that fill it; those of this process if absent
 * @returns null for one device
 * @throws RangeError for numbers that do not divide the model, with those that do; ShardingError for too few devices
 */
export function modelMesh(
  config: ModelConfig,
  { tp = 1, dp = 1, ep = 1 }: Parallelism,
  devices?: readonly { readonly id: number }[],
): ModelMesh | null {
  const { tensor, expert = {}, keyValueHeads } = splitsOf(config);
  requireDivides("tp", tp, tensor, keyValueHeads);
  requireDivides("ep", ep, expert);
  if (!Number.isInteger(dp) || dp < 1)
    throw new RangeError(`parallelism: dp must be a whole number, at least 1; got ${dp}`);
  const shared = keyValueHeads === undefined ? 1 : Math.max(1, tp / keyValueHeads);
  const all: readonly (readonly [name: string, size: number])[] = [
    ["data", dp],
    ["expert", ep],
    ["tensor", tp / shared],
    ["group", shared],
  ];
  const axes = all.filter(([, size]) => size > 1);
  if (axes.length === 0) return null;
  const mesh = jax.makeMesh(
    axes.map(([, size]) => size),
    axes.map(([name]) => name),
    { devices },
  );
  const present = (...names: readonly string[]): readonly string[] =>
    names.filter((name) => mesh.axisNames.includes(name));
  const split = present("tensor", "group");
  return new ModelMesh(mesh, {
    batch: present("data"),
    vocab: split,
    heads: split,
    kv_heads: present("tensor"),
    mlp: split,
    expert: present("expert"),
  });
}

/** Whether the numbers divide the model, whatever devices there are. */
export function isDivisible(config: ModelConfig, { tp = 1, ep = 1 }: Parallelism): boolean {
  const { tensor, expert = {}, keyValueHeads } = splitsOf(config);
  return divides(tp, tensor, keyValueHeads) && divides(ep, expert);
}

const splitsOf = (config: ModelConfig): SplitSizes => architectureOf(config).splits?.(config) ?? { tensor: {} };

type Sizes = Readonly<Record<string, number>>;

function divides(parts: number, sizes: Sizes, keyValueHeads?: number): boolean {
  if (parts === 1) return true;
  const all = Object.values(sizes);
  if (!Number.isInteger(parts) || parts < 1 || all.length === 0) return false;
  const sharesHeads = keyValueHeads === undefined || parts % keyValueHeads === 0 || keyValueHeads % parts === 0;
  return sharesHeads && all.every((size) => size % parts === 0);
}

function requireDivides(flag: "tp" | "ep", parts: number, sizes: Sizes, keyValueHeads?: number): void {
  if (divides(parts, sizes, keyValueHeads)) return;
  const names = Object.entries(sizes).map(([key, size]) => `${key} ${size}`);
  if (names.length === 0)
    throw new RangeError(`parallelism: ${flag} must be 1, for the model has nothing to split so; got ${parts}`);
  const smallest = Math.min(...Object.values(sizes));
  const fitting = Array.from({ length: smallest }, (_, i) => i + 1).filter((n) => divides(n, sizes, keyValueHeads));
  const heads =
    keyValueHeads === undefined ? "" : `, and divide num_key_value_heads ${keyValueHeads} or be a multiple of it`;
  throw new RangeError(
    `parallelism: ${flag} must divide ${names.join(", ")}${heads}; got ${parts}. These do: ${fitting.join(", ")}`,
  );
}
