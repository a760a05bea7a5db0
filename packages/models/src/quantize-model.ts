/** Puts quantized weights in the place of parameters, before a checkpoint is loaded. */
import * as nnx from "@jaxscale/nnx";
import type * as jax from "jaxscale";
import { describe } from "./layers/param.ts";
import type { CausalLM } from "./model.ts";
import type { Axes, ModelMesh } from "./parallel/model-mesh.ts";
import type { QuantizedComponent } from "./weights/plan.ts";
import {
  type ComponentName,
  componentsOf,
  isQuantized,
  type Matrices,
  scaleDtypeOf,
} from "./weights/quantized/matrices.ts";
import type { QuantizedMatrix } from "./weights/quantized/matrix.ts";
import { quantizedRows } from "./weights/quantized/round.ts";
import type { QuantizationScheme } from "./weights/quantized/scheme.ts";

/** What is quantized while loading, and how. Norms, biases and routers keep their floats. */
export interface QuantizeOptions {
  /** Of all weights of products but those below. */
  readonly weights?: QuantizationScheme;
  /** Of stacked experts; as `weights` if absent. */
  readonly experts?: QuantizationScheme;
  /** Of the embedding and the head; they keep their floats if absent. */
  readonly head?: QuantizationScheme;
}

/**
 * Replaces each parameter that the checkpoint has in codes, or that is to be quantized while loading, by a quantized weight without values.
 * Layers do not know: a quantized weight is used as a parameter is.
 * @param matrices of a checkpoint; if absent, as if it held floats
 * @throws CheckpointError if tensors contradict each other; RangeError if a mesh would split groups, or a scheme is for experts that the model does not have
 */
export function quantizeModel(
  model: CausalLM,
  quantize: QuantizeOptions = {},
  matrices: Pick<Matrices, "of"> = ofSchemes,
): void {
  const { mesh } = model;
  requireExperts(model, quantize);
  for (const [path, leaf] of nnx.state(model, nnx.Param)) {
    const parameter = leaf as nnx.Param;
    const name = path.join(".");
    const storedShape = (parameter.metadata.storedShape as readonly number[] | undefined) ?? parameter.shape;
    const scheme = schemeOf(parameter, quantize);
    const found = matrices.of(name, storedShape, scheme);
    if (!found || !isQuantized(found.matrix)) continue;
    replaceAt(model, path, quantizedWeight(name, parameter, found.matrix, { mesh, storedShape, scheme }));
  }
}

function requireExperts(model: CausalLM, { experts }: QuantizeOptions): void {
  if (!experts) return;
  const hasExperts = [...nnx.state(model, nnx.Param)].some(([, leaf]) =>
    (leaf as nnx.Param).metadata.outSharding?.includes("expert"),
  );
  if (!hasExperts)
    throw new RangeError(`quantize: a scheme for experts needs a model with experts; got ${model.config.modelType}`);
}

/** Matrices of a checkpoint that holds floats only, for models without one. */
const ofSchemes: Pick<Matrices, "of"> = {
  of: (name, shape, scheme) => scheme && { matrix: describedMatrix(name, shape, scheme), tensors: [] },
};

function describedMatrix(name: string, shape: readonly number[], scheme: QuantizationScheme): QuantizedMatrix {
  const columns = shape.at(-1) as number;
  const read = (): Promise<never> => Promise.reject(new TypeError(`quantizeModel: ${name} has no values`));
  const floats = { rows: shape.slice(0, -1).reduce((a, b) => a * b, 1), columns, read };
  return quantizedRows(floats, scheme, scaleDtypeOf(scheme));
}

/** How a parameter is quantized while loading; undefined if it keeps its floats. */
export function schemeOf(
  { ndim, metadata }: nnx.Param,
  { weights, experts, head }: QuantizeOptions,
): QuantizationScheme | undefined {
  if (ndim < 2 || metadata.keepsFloats) return undefined;
  const axes = metadata.outSharding ?? [];
  if (axes.includes("vocab")) return head;
  return axes.includes("expert") ? (experts ?? weights) : weights;
}

interface Placement {
  readonly mesh: ModelMesh | null;
  readonly storedShape: readonly number[];
  readonly scheme: QuantizationScheme | undefined;
}

function quantizedWeight(
  name: string,
  { shape, dtype, metadata }: nnx.Param,
  matrix: QuantizedMatrix,
  { mesh, storedShape, scheme }: Placement,
): nnx.QuantizedWeight {
  const axes = shape.map((_, axis) => (metadata.outSharding ?? [])[axis] ?? null) as Axes;
  const lead = shape.slice(0, -1);
  const shapes: Record<ComponentName, readonly number[]> = {
    codes: shape,
    scales: [...lead, matrix.scales.columns],
    zeros: [...lead, matrix.scales.columns],
    biases: [...lead, matrix.scales.columns],
    groupIndex: indexShape(shape, matrix),
    codebook: [matrix.codebook?.columns ?? 0],
  };
  const groupAxes = axesOfGroups(name, axes, matrix, mesh);
  const componentAxes: Record<ComponentName, Axes> = {
    codes: axes,
    scales: groupAxes,
    zeros: groupAxes,
    biases: groupAxes,
    groupIndex: shapes.groupIndex.map((size, axis) => (size === 1 ? null : axes[axis])),
    codebook: [null],
  };
  const part = (component: ComponentName): nnx.Param => {
    const { dtype } = matrix[component] as { readonly dtype: jax.DType };
    const quantized: QuantizedComponent = { weight: name, component, storedShape, ...(scheme && { scheme }) };
    return describe(shapes[component], dtype, { axes: componentAxes[component], quantized });
  };
  const parts = Object.fromEntries(componentsOf(matrix).map((component) => [component, part(component)]));
  return new nnx.QuantizedWeight(parts as unknown as nnx.QuantizedWeightParts, {
    groupSize: matrix.groupSize,
    roundedTo: matrix.roundedTo,
    dtype,
    metadata,
  });
}

/** One index for all rows of a matrix: `[…, 1, in]`, with the leading axes of a weight that is stacked from several. */
function indexShape(shape: readonly number[], { groupIndex }: QuantizedMatrix): readonly number[] {
  const columns = shape.at(-1) as number;
  const lead = shape.slice(0, -2);
  const isStacked = (groupIndex?.rows ?? 1) > 1;
  return [...(isStacked ? lead : lead.map(() => 1)), 1, columns];
}

/** Groups are split with the inputs that they belong to; a scale of the whole row, or one that is looked up, is on all devices. */
function axesOfGroups(
  name: string,
  axes: Axes,
  { scales, groupIndex, groupSize, columns }: QuantizedMatrix,
  mesh: ModelMesh | null,
): Axes {
  const inputs = axes.at(-1) ?? null;
  const keeps = scales.columns === 1 || groupIndex !== undefined;
  const parts = mesh && inputs ? mesh.parts(inputs) : 1;
  if (parts > 1 && !keeps && columns % (parts * groupSize) !== 0)
    throw new RangeError(
      `parallelism: groups of ${groupSize} must not straddle devices; got ${name} with ${columns} inputs over ${parts} devices`,
    );
  return [...axes.slice(0, -1), keeps ? null : inputs];
}

function replaceAt(model: nnx.Module, path: readonly (string | number)[], weight: nnx.QuantizedWeight): void {
  const owner = path
    .slice(0, -1)
    .reduce<unknown>((node, key) => (node as Record<string | number, unknown>)[key], model);
  (owner as Record<string | number, unknown>)[path.at(-1) as string | number] = weight;
}
