/** Matches the parameters of a model with the tensors of a checkpoint, before loading. */
import { type DType, itemSizeBytes, type NamedSharding } from "jaxscale";
import { quoted, refused, shapeText } from "../checkpoint-error.ts";
import { isFloatDType } from "../safetensors/cast.ts";
import { arrayDtype } from "../safetensors/dtypes.ts";
import { locate, type ParameterParts, partsOf } from "./parts.ts";
import type { Quantization } from "./quantized/config.ts";
import { dequantizedRows } from "./quantized/dequantize.ts";
import { type ComponentName, isQuantized, Matrices } from "./quantized/matrices.ts";
import type { Rows } from "./quantized/rows.ts";
import type { QuantizationScheme } from "./quantized/scheme.ts";
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
  /** Of a parameter that is a component of a quantized weight: which one, of which weight. */
  readonly quantized?: QuantizedComponent;
}

/** A component of a quantized weight. */
export interface QuantizedComponent {
  /** The parameter that the weight stands for. */
  readonly weight: string;
  readonly component: ComponentName;
  /** Shape of the weight in the file. */
  readonly storedShape: readonly number[];
  /** How it is quantized while loading, if the file has floats. */
  readonly scheme?: QuantizationScheme;
}

/** Parameters by name: the keys of the checkpoint, except for stacked parameters. */
export type LoadPlan = Readonly<Record<string, ParameterSpec>>;

/** The reason to skip a key on disk; undefined if the key is unexpected. */
export type IgnoreRule = (key: string) => string | undefined;

/** Rules for checkpoint keys that differ from the names of parameters. */
export interface KeyRules extends ParameterParts {
  /** Keys on disk to skip, with the reason. */
  readonly ignore?: IgnoreRule;
  /** What the config says of quantized weights; absent if they are plain. */
  readonly quantization?: Quantization;
}

/** A parameter and its source tensors, in byte order. */
export interface PlannedParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly sharding: NamedSharding | undefined;
  readonly parts: readonly Located[];
  /** Its elements by rows, if they are made of the parts and are not their bytes. */
  readonly rows?: Rows;
  /** Bytes read from disk. */
  readonly readBytes: number;
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
export function planLoad(weights: Weights, plan: LoadPlan, rules: KeyRules = {}): PlannedLoad {
  const used = new Set<string>();
  const matrices = new Matrices(weights, rules, rules.quantization);
  const parameters = Object.entries(plan).map(([name, spec]) => {
    const parameter = spec.quantized
      ? componentOf(name, spec, spec.quantized, matrices)
      : (dequantized(name, spec, matrices) ?? plainOf(name, spec, weights, rules));
    for (const { key } of parameter.parts) used.add(key);
    return parameter;
  });
  return {
    // In file order, so that reads are sequential.
    parameters: [...parameters].sort(byPlace),
    readBytes: sum(parameters.map(({ readBytes }) => readBytes)),
    deviceBytes: sum(
      parameters.map(({ shape, dtype }) => Math.ceil(shape.reduce((a, b) => a * b, itemSizeBytes(dtype)))),
    ),
    skipped: requireAllUsed(weights, used, rules.ignore),
  };
}

const bytesOf = (parts: readonly Located[]): number => sum(parts.map(({ sizeBytes }) => sizeBytes));

/** A parameter whose bytes lie in the file. */
function plainOf(name: string, spec: ParameterSpec, weights: Weights, rules: KeyRules): PlannedParameter {
  const { shape, storedShape = shape, sharding } = spec;
  const parts = partsOf(name, storedShape, weights, rules).map((part) => locate(part, name, weights));
  const dtype = spec.dtype ?? commonDtype(parts, name);
  for (const part of parts) requireCastable(part, dtype);
  return { name, shape, dtype, sharding, parts, readBytes: bytesOf(parts) };
}

/** A component of a quantized weight. The first of them reads all tensors of the weight. */
function componentOf(
  name: string,
  { shape, sharding }: ParameterSpec,
  { weight, component, storedShape, scheme }: QuantizedComponent,
  matrices: Matrices,
): PlannedParameter {
  const found = matrices.of(weight, storedShape, scheme);
  const rows = found && isQuantized(found.matrix) ? found.matrix[component] : undefined;
  if (!found || !rows) throw new TypeError(`planLoad: the checkpoint must have ${component} of ${weight}; got none`);
  const readBytes = component === "codes" ? bytesOf(found.tensors) : 0;
  return { name, shape, dtype: rows.dtype, sharding, parts: found.tensors, rows, readBytes };
}

/** A parameter of floats that the checkpoint has quantized. */
function dequantized(name: string, spec: ParameterSpec, matrices: Matrices): PlannedParameter | undefined {
  const { shape, storedShape = shape, sharding, dtype = "float32" } = spec;
  const found = matrices.of(name, storedShape);
  if (!found) return undefined;
  const rows = isQuantized(found.matrix) ? dequantizedRows(found.matrix) : found.matrix.values;
  return { name, shape, dtype, sharding, parts: found.tensors, rows, readBytes: bytesOf(found.tensors) };
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
