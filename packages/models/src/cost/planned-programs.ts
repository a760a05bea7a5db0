/** The programs of a generation, traced for arrays that do not exist. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { Executables } from "../generate/executables.ts";
import { choiceOf } from "../generate/generate.ts";
import { kindOf, needsSeen } from "../generate/sampling.ts";
import { capacityFor, chunkWidths, roomFor } from "../generate/session.ts";
import { CausalLM, makeCaches } from "../model.ts";
import { type Axes, filledUp } from "../parallel/model-mesh.ts";
import { modelMesh } from "../parallel/parallelism.ts";
import { quantizeModel } from "../quantize-model.ts";
import type { PlannedGeneration } from "./memory-plan.ts";

/** Sizes of the caches. */
export interface BatchSize {
  readonly batch: number;
  /** Tokens a row. */
  readonly capacity: number;
}

/** An array without values. */
export interface Typed {
  readonly shape: readonly number[];
  readonly dtype: jax.DType;
  readonly sharding: jax.NamedSharding | undefined;
}

const isVariable = (x: unknown): boolean => x instanceof nnx.Variable;

/** Variables of a model or of caches, in the order of its leaves. */
const typesOf = (tree: unknown, { mesh }: CausalLM): readonly Typed[] =>
  jax.tree.leaves<nnx.Variable>(tree, { isLeaf: isVariable }).map((variable) => ({
    shape: variable.shape,
    dtype: variable.dtype,
    sharding: mesh?.shardingOf(variable),
  }));

/** The parameters, in the order in which programs take them. */
export const describeWeights = (model: CausalLM): readonly Typed[] => typesOf(model, model);

/** The arrays of all layers' caches, in the order in which programs take them. */
export function describeCaches(model: CausalLM, size: BatchSize): readonly Typed[] {
  let types: readonly Typed[] = [];
  jax.evalShape(() => {
    const caches = makeCaches(model.config, { ...size, dtype: model.cacheDtype });
    types = typesOf(caches, model);
    return jax.tree.leaves<jax.Array>(caches);
  });
  return types;
}

/** The model of a plan, described, and the size of its caches. */
export function plannedModel(planned: PlannedGeneration): { readonly model: CausalLM; readonly size: BatchSize } {
  const {
    config,
    dtype,
    batch = 1,
    promptTokens,
    maxNewTokens,
    parallelism = {},
    quantize,
    matrices,
    kvDtype,
  } = planned;
  const mesh = modelMesh(config, parallelism);
  const capacity = capacityFor(roomFor({ start: 0, added: promptTokens, maxNewTokens }));
  const rows = filledUp(new Array<number>(batch).fill(0), mesh).length;
  const model = new CausalLM(config, dtype, mesh, kvDtype);
  quantizeModel(model, quantize, matrices);
  return { model, size: { batch: rows, capacity } };
}

/**
 * The programs that a generation runs, traced for its shapes without weights: `prefill` and `prefill_next` of a chunk of the prompt,
 * `head`, `decode`, and one that chooses tokens. @throws RangeError for impossible settings
 */
export function generationPrograms(planned: PlannedGeneration): readonly jax.Lowered[] {
  const { model, size } = plannedModel(planned);
  return programsOf(model, planned, size);
}

/** The programs: one prefill chunk of each width, the first token, and a decoding step. */
export function programsOf(model: CausalLM, planned: PlannedGeneration, size: BatchSize): readonly jax.Lowered[] {
  const { generation, options, promptTokens } = planned;
  const { batch } = size;
  const choice = choiceOf(generation, options);
  const executables = new Executables(model);
  const { hiddenSize, vocabSize } = model.config;
  const { mesh } = model;
  const standIn = (x: Typed): jax.Array =>
    new jax.ShapeDtypeStruct(x.shape, x.dtype, false, x.sharding) as unknown as jax.Array;
  const of = (dtype: jax.DType, shape: readonly number[], axes: Axes = []): jax.Array =>
    standIn({ shape, dtype, sharding: mesh?.sharding(axes) });
  const weights = describeWeights(model).map(standIn);
  const caches = describeCaches(model, size).map(standIn);
  const last = of(model.dtype, [batch, hiddenSize], ["batch"]);
  const logits = of("float32", [batch, vocabSize], ["batch", "vocab"]);
  const rows = (dtype: jax.DType): jax.Array => of(dtype, [batch], ["batch"]);
  const [ints, floats, done] = [rows("int32"), rows("float32"), rows("bool")];
  const chunk = (width: number) => ({ ids: of("int32", [batch, width], ["batch"]), start: ints, counts: ints });
  const [firstWidth, ...nextWidths] = chunkWidths(promptTokens);
  const seen = needsSeen(choice) ? of("bool", [batch, vocabSize], ["batch"]) : null;
  const sampling = { doSample: done, temperature: floats, topK: ints, droppedMass: floats, repetitionPenalty: floats };
  const settings = { sampling, eosTokenIds: of("int32", [8]), padTokenId: of("int32", []), keyData: of("uint32", [2]) };
  return [
    executables.prefillFirst.lower(weights, { caches, last }, chunk(firstWidth)),
    ...[...new Set(nextWidths)].map((width) => executables.prefillNext.lower(weights, { caches, last }, chunk(width))),
    executables.head.lower(weights, last),
    executables.decode.lower(weights, { caches, logits, lengths: ints }, ints),
    executables
      .chooser(kindOf([choice], vocabSize))
      .lower(logits, { seen, done, count: of("uint32", []), token: ints }, settings),
  ];
}
