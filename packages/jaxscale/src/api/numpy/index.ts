/** `jax.numpy`: NumPy's functions on traced arrays. @see https://docs.jax.dev/en/latest/jax.numpy.html */
export { at, IndexedPart } from "./at.ts";
export {
  type ContractionOptions,
  dot,
  inner,
  kron,
  matmul,
  matvec,
  outer,
  type TensordotOptions,
  tensordot,
  vdot,
  vecdot,
} from "./contraction.ts";
export {
  array,
  asarray,
  type DTypeOption,
  empty,
  emptyLike,
  full,
  fullLike,
  type HostData,
  type LikeOptions,
  type NestedList,
  ones,
  onesLike,
  type TypedArray,
  zeros,
  zerosLike,
} from "./creation.ts";
export {
  type DiagonalOptions,
  diag,
  diagIndices,
  diagonal,
  eye,
  identity,
  trace,
  tri,
  tril,
  triu,
} from "./diagonals.ts";
export * from "./division.ts";
export { einsum } from "./einsum.ts";
export * from "./elementwise.ts";
export * from "./float-functions.ts";
export { type Index, type IndexEntry, Slice, slice } from "./index-spec.ts";
export type { GetOptions, IndexMode, IndexOptions } from "./indexing.ts";
export {
  append,
  arraySplit,
  columnStack,
  concatenate,
  concatenate as concat,
  dsplit,
  dstack,
  hsplit,
  hstack,
  split,
  stack,
  unstack,
  vsplit,
  vstack,
} from "./join.ts";
export * from "./logic.ts";
export { type PadMode, type PadOptions, type PerEdge, pad } from "./pad.ts";
export * from "./positions.ts";
export * from "./power.ts";
export * from "./quantiles.ts";
export {
  arange,
  type LinspaceOptions,
  type LogspaceOptions,
  linspace,
  logspace,
  type MeshgridOptions,
  meshgrid,
} from "./ranges.ts";
export { flip, fliplr, flipud, type RepeatOptions, repeat, roll, rot90, tile } from "./rearrange.ts";
export * from "./reductions.ts";
export * from "./scalars.ts";
export {
  argwhere,
  digitize,
  extract,
  flatnonzero,
  type NonzeroOptions,
  nonzero,
  type SearchOptions,
  searchsorted,
} from "./searching.ts";
export {
  atleast1d,
  atleast2d,
  atleast3d,
  broadcastArrays,
  broadcastTo,
  expandDims,
  matrixTranspose,
  moveaxis,
  permuteDims,
  ravel,
  reshape,
  squeeze,
  swapaxes,
  transpose,
} from "./shape.ts";
export {
  argpartition,
  argsort,
  lexsort,
  partition,
  type SortOptions,
  sort,
} from "./sorting.ts";
export * from "./statistics.ts";
export {
  type BincountOptions,
  bincount,
  type TakeAlongAxisOptions,
  type TakeOptions,
  take,
  takeAlongAxis,
} from "./take.ts";
export * from "./trigonometry.ts";
export * from "./unique.ts";
