/** What a model wants, held against what a checkpoint has; before anything is loaded. */
import type { DType } from "jaxscale";
import { quoted, refused, shapeText } from "../checkpoint-error.ts";
import { isFloatDType } from "../safetensors/cast.ts";
import { arrayDtype, itemSizeBytes } from "../safetensors/dtypes.ts";
import type { Located, Weights } from "./weights.ts";

/** A parameter that a model has. */
export interface ParameterSpec {
  readonly shape: readonly number[];
  /** What it becomes; as in the file if not given. */
  readonly dtype?: DType;
}

/** By name; the names are the checkpoint's, but for parameters that are stacked. */
export type LoadPlan = Readonly<Record<string, ParameterSpec>>;

/** Why a key on disk is not wanted; undefined if there is no reason, and it must not be there. */
export type IgnoreRule = (key: string) => string | undefined;

/** A tensor on disk that is a part of a parameter. */
export interface TensorPart {
  readonly key: string;
  readonly shape: readonly number[];
}

/** The tensors on disk that a parameter is stacked from, in the order of its bytes; undefined if it is none of these. */
export type StackingRule = (name: string, shape: readonly number[]) => readonly TensorPart[] | undefined;

/** How a checkpoint's keys differ from the names of a model's parameters. */
export interface KeyRules {
  /** Keys on disk that need not be in the plan, with the reason. */
  readonly ignore?: IgnoreRule;
  /** Parameters of the plan that lie in parts on disk; one that lies there whole is read whole. */
  readonly stacked?: StackingRule;
}

/** A parameter and where its bytes come from, in their order. */
export interface PlannedParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly parts: readonly Located[];
}

/** What a load will read and leave. */
export interface PlannedLoad {
  readonly parameters: readonly PlannedParameter[];
  /** On disk, of what is loaded. */
  readonly readBytes: number;
  /** On the device. */
  readonly deviceBytes: number;
  /** Keys that were skipped, with the reason. */
  readonly skipped: ReadonlyMap<string, string>;
}

/**
 * Finds every parameter of a plan in the files, and checks shapes, dtypes and that nothing is left over.
 * @throws CheckpointError for a missing, unexpected or mis-shaped tensor, naming file, key, expected and found
 */
export function planLoad(weights: Weights, plan: LoadPlan, { ignore, stacked }: KeyRules = {}): PlannedLoad {
  const used = new Set<string>();
  const parameters = Object.entries(plan).map(([name, spec]) => {
    const whole = [{ key: name, shape: spec.shape }];
    const wanted = weights.tensors.has(name) ? whole : (stacked?.(name, spec.shape) ?? whole);
    const parts = wanted.map((part) => locate(part, name, weights));
    for (const { key } of parts) used.add(key);
    return { name, shape: spec.shape, dtype: spec.dtype ?? commonDtype(parts, name), parts };
  });
  for (const { parts, dtype } of parameters) for (const part of parts) requireCastable(part, dtype);
  return {
    // In the order of the files, which disks like best.
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
