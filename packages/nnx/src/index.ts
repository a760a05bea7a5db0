/** Neural network modules in the style of Flax NNX. @see https://flax.readthedocs.io/en/latest/nnx_basics.html */
import { nn } from "jaxscale";

/** Initializers of parameters: those of `jax.nn.initializers`. */
export const initializers = nn.initializers;

export { capture } from "./capture.ts";
export { Dict, List } from "./containers.ts";
export { display } from "./display.ts";
export {
  All,
  Any,
  Everything,
  type Filter,
  Not,
  Nothing,
  OfType,
  PathContains,
  type Predicate,
  WithTag,
} from "./filters.ts";
export { clone, graphdef, map, merge, pop, split, state, update } from "./graph.ts";
export { GraphDef } from "./graph-def.ts";
export { iterChildren, iterModules, Module, type SowKind } from "./module.ts";
export { type AttentionCallOptions, MultiHeadAttention, type MultiHeadAttentionOptions } from "./nn/attention.ts";
export { Dropout, type DropoutCallOptions, type DropoutOptions } from "./nn/dropout.ts";
export { Einsum, type EinsumOptions } from "./nn/einsum.ts";
export { Embed, type EmbedOptions } from "./nn/embed.ts";
export { Linear, LinearGeneral, type LinearGeneralOptions, type LinearOptions } from "./nn/linear.ts";
export { LayerNorm, type LayerNormOptions, RMSNorm, type RMSNormOptions } from "./nn/norms.ts";
export { type CallableModule, Sequential, type SequentialLayer } from "./nn/sequential.ts";
export { getNamedSharding, getPartitionSpec, logicalAxisRules, withPartitioning } from "./partitioning.ts";
export type { Key, Path } from "./path.ts";
export { Pytree } from "./pytree.ts";
export { QuantizedWeight, type QuantizedWeightOptions, type QuantizedWeightParts } from "./quantized-weight.ts";
export { type RngSource, RngStream, Rngs } from "./rngs.ts";
export { SplitBackups, type SplitRngsOptions, splitRngs } from "./split-rngs.ts";
export { type PureDict, State, type StateEntry } from "./state.ts";
export {
  filterState,
  fromFlatState,
  mapState,
  mergeState,
  splitState,
  toFlatState,
  toPureDict,
} from "./state-functions.ts";
export { type Axis, type AxisSpec, Carry, StateAxes } from "./transforms/axes.ts";
export { createAbstract, evalShape } from "./transforms/eval-shape.ts";
export { DiffState, type GradientOf, type GradOptions, grad, valueAndGrad } from "./transforms/grad.ts";
export { type JitOptions, jit } from "./transforms/jit.ts";
export { type ScanOptions, scan } from "./transforms/scan.ts";
export { type ShardMapOptions, StateSharding, type StateSpecTree, shardMap } from "./transforms/shard-map.ts";
export { type VmapOptions, vmap } from "./transforms/vmap.ts";
export {
  Annotated,
  BatchStat,
  Cache,
  type Initializer,
  Intermediate,
  type MetadataInitializer,
  Param,
  RngCount,
  RngKey,
  RngState,
  Variable,
  type VariableMetadata,
  withMetadata,
} from "./variable.ts";
