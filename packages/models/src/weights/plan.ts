/** Matches the parameters of a model with the tensors of a checkpoint, before loading. */
import { type DType, itemSizeBytes, type NamedSharding } from "jaxscale";
import { quoted, refused, shapeText } from "../checkpoint-error.ts";
import { isFloatDType } from "../safetensors/cast.ts";
import { arrayDtype } from "../safetensors/dtypes.ts";
import type { Located, Weights } from "./weights.ts";

/** A parameter that a model has. */
export interface ParameterSpec {
  readonly shape: readonly number[];
  /** Dtype on the device; that of the file if absent. */
  readonly dtype?: DType;
  /** Shape of its tensor in the file, if that is another one of the same bytes. */
  readonly storedShape?: readonly number[];
  /** How it lies on a mesh; on one device if absent. */
  readonly sharding?: NamedSharding;
}

/** Parameters by name: the keys of the checkpoint, except for stacked parameters. */
export type LoadPlan = Readonly<Record<string, ParameterSpec>>;

/** The reason to skip a key on disk; undefined if the key is unexpected. */
export type IgnoreRule = (key: string) => string | undefined;

/** A tensor on disk that is part of a stacked parameter. */
export interface TensorPart {
  readonly key: string;
  readonly shape: readonly number[];
}

/** The tensors on disk that form a stacked parameter, in byte order; undefined for other parameters. */
export type StackingRule = (name: string, shape: readonly number[]) => readonly TensorPart[] | undefined;

/** Rules for checkpoint keys that differ from the names of parameters. */
export interface KeyRules {
  /** Keys on disk to skip, with the reason. */
  readonly ignore?: IgnoreRule;
  /** Parameters that are stacked from several tensors, unless the file has the whole tensor. */
  readonly stacked?: StackingRule;
}

/** A parameter and its source tensors, in byte order. */
export interface PlannedParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly sharding: NamedSharding | undefined;
  readonly parts: readonly Located[];
}

/** The tensors that a load reads and skips. */
export interface PlannedLoad {
  readonly parameters: readonly PlannedParameter[];
  /** Bytes read from disk. */
  readonly readBytes: number;
  /** Bytes on the device. */
  readonly deviceBytes: number;
  /** Keys that were skipped, with the reason. */
  readonly skipped: ReadonlyMap<string, string>;
}

/**
 * Finds every parameter of a plan in the files, and checks shapes and dtypes, and that no tensor is unused.
 * @throws CheckpointError for a missing, unexpected or mis-shaped tensor, naming file, key, expected and found
 */
export function planLoad(weights: Weights, plan: LoadPlan, { ignore, stacked }: KeyRules = {}): PlannedLoad {
  const used = new Set<string>();
  const parameters = Object.entries(plan).map(([name, spec]) => {
    const { shape, storedShape = shape, sharding } = spec;
    const whole = [{ key: name, shape: storedShape }];
    const wanted = weights.tensors.has(name) ? whole : (stacked?.(name, storedShape) ?? whole);
    const parts = wanted.map((part) => locate(part, name, weights));
    for (const { key } of parts) used.add(key);
    return { name, shape, dtype: spec.dtype ?? commonDtype(parts, name), sharding, parts };
  });
  for (const { parts, dtype } of parameters) for (const part of parts) requireCastable(part, dtype);
  return {
    // In file order, so that reads are sequential.
    parameters: [...parameters].sort(byPlace),
    readBytes: sum(parameters.flatMap(({ parts }) => parts.map(({ sizeBytes }) => sizeBytes))),
    deviceBytes: sum(parameters.map(({ shape, dtype }) => shape.reduce((a, b) => a * b, itemSizeBytes(dtype)))),
    skipped: requireAllUsed(weights, used, ignore),
  };
}

function locate({ key, shape }: TensorPart, name: string, { tensors, location }: Weights): Located {
  const found = tensors.get(key);
  if (found === undefined) {
    const use = key === name ? "" : `, a part of ${name}`;
    throw refused({ file: location, key }, `must be there with shape ${shapeText(shape)}${use}`, "no such tensor");
  }
  if (found.shape.length !== shape.length || found.shape.some((n, axis) => n !== shape[axis]))
    throw refused({ file: found.file.name, key }, `must have shape ${shapeText(shape)}`, shapeText(found.shape));
  return found;
}

function commonDtype(parts: readonly Located[], name: string): DType {
  const [first] = parts;
  for (const part of parts)
    if (part.dtype !== first.dtype)
      throw refused(
        { file: part.file.name, key: part.key },
        `must have dtype ${first.dtype}, as ${quoted(first.key)}, for both are parts of ${name}`,
        part.dtype,
      );
  return loadable(first);
}

function loadable({ dtype, file, key }: Located): DType {
  const known = arrayDtype(dtype);
  if (known === undefined || !isFloatDType(known))
    throw refused({ file: file.name, key }, "must have dtype BF16, F16 or F32", dtype);
  return known;
}

function requireCastable(part: Located, dtype: DType): void {
  const from = loadable(part);
  if (from !== dtype && !isFloatDType(dtype))
    throw refused({ file: part.file.name, key: part.key }, `must have dtype ${dtype}`, part.dtype);
}

function requireAllUsed(
  { tensors }: Weights,
  used: ReadonlySet<string>,
  ignore: IgnoreRule | undefined,
): ReadonlyMap<string, string> {
  const skipped = new Map<string, string>();
  for (const { key, file, shape, dtype } of tensors.values()) {
    if (used.has(key)) continue;
    const reason = ignore?.(key);
    if (reason === undefined)
      throw refused(
        { file: file.name, key },
        "must be a tensor of this model",
        `${dtype} ${shapeText(shape)}, which it does not have`,
      );
    skipped.set(key, reason);
  }
  return skipped;
}

const byPlace = ({ parts: [a] }: PlannedParameter, { parts: [b] }: PlannedParameter): number =>
  a === undefined || b === undefined || a.file.name === b.file.name
    ? (a?.offset ?? 0) - (b?.offset ?? 0)
    : a.file.name < b.file.name
      ? -1
      : 1;

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
