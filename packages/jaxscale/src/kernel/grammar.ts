/** The ops of IR no. 2 as data: what each takes, gives and does. Builder, checker and analyses ask it; the WGSL table has a row for each. */

/** Scalar types of the operands. */
export type Scalars = "number" | "float" | "integer" | "bits" | "words" | "any";

/**
 * The type of the result. It follows from the operands: theirs (`same`, or of `branch` the last two's), bool or one scalar
 * (`lane`) of as many lanes; or it is the op's own: as `stated`, `converted` lane by lane, a `vector` of the operands,
 * of the variable (`stored`), of the memory (`element`).
 */
export type Result = "same" | "bool" | "branch" | "scalar" | "stated" | "converted" | "vector" | "stored" | "element";

/** What an op does besides computing: it reads what others may write, changes memory, or needs the other lanes of a subgroup. */
export type Effect = "reads variable" | "reads buffer" | "reads shared" | "atomic" | "subgroup";

/** What a value of the op carries besides operands. */
export type Attribute = "number" | "name" | "bounds" | "buffer" | "shared" | "variable";

export interface OpRule {
  /** How many operands it may have. */
  readonly arity: readonly number[];
  readonly accepts: Scalars;
  readonly result: Result;
  /** An operand of a type of its own: an i32 `index` comes first, a u32 `count` of bits or lanes second, a bool `condition` first. */
  readonly apart?: "index" | "count" | "condition";
  readonly attribute?: Attribute;
  /** Absent of ops that may be shared, moved and dropped. */
  readonly effect?: Effect;
  /** Is written where it is used, and defined nowhere. */
  readonly free?: true;
}

const arithmetic = (arity: number, accepts: Scalars = "number") =>
  ({ arity: [arity], accepts, result: "same" }) as const;
const shift = { arity: [2], accepts: "integer", result: "same", apart: "count" } as const;
const comparison = { arity: [2], accepts: "any", result: "bool" } as const;

/** Ops whose result follows from their operands alone. */
export const computed = {
  add: arithmetic(2),
  sub: arithmetic(2),
  mul: arithmetic(2),
  div: arithmetic(2),
  rem: arithmetic(2),
  neg: arithmetic(1),
  abs: arithmetic(1),
  min: arithmetic(2),
  max: arithmetic(2),
  fma: arithmetic(3, "float"),
  floor: arithmetic(1, "float"),
  ceil: arithmetic(1, "float"),
  trunc: arithmetic(1, "float"),
  round: arithmetic(1, "float"),
  sqrt: arithmetic(1, "float"),
  inverseSqrt: arithmetic(1, "float"),
  exp: arithmetic(1, "float"),
  exp2: arithmetic(1, "float"),
  log: arithmetic(1, "float"),
  log2: arithmetic(1, "float"),
  pow: arithmetic(2, "float"),
  countOneBits: arithmetic(1, "integer"),
  countLeadingZeros: arithmetic(1, "integer"),
  and: arithmetic(2, "bits"),
  or: arithmetic(2, "bits"),
  xor: arithmetic(2, "bits"),
  not: arithmetic(1, "bits"),
  shl: shift,
  shr: shift,
  lt: comparison,
  le: comparison,
  gt: comparison,
  ge: comparison,
  eq: comparison,
  ne: comparison,
  select: { arity: [3], accepts: "any", result: "branch", apart: "condition" },
  dot: { arity: [2], accepts: "number", result: "scalar" },
} as const satisfies Record<string, OpRule>;

const free = (attribute: Attribute) =>
  ({ arity: [0], accepts: "any", result: "stated", attribute, free: true }) as const;
const subgroup = (accepts: Scalars) => ({ arity: [1], accepts, result: "same", effect: "subgroup" }) as const;
const lanes = { arity: [2], accepts: "any", result: "same", apart: "count", effect: "subgroup" } as const;
const atomic = (arity: number) =>
  ({
    arity: [arity],
    accepts: "words",
    result: "element",
    apart: "index",
    attribute: "buffer",
    effect: "atomic",
  }) as const;

export const grammar = {
  ...computed,
  const: free("number"),
  builtin: free("name"),
  immediate: free("name"),
  /** Stands for an unknown value in analyses; no kernel has one. */
  opaque: { arity: [0], accepts: "any", result: "stated", attribute: "name" },
  /** Defined by its loop. */
  loopIndex: { arity: [0], accepts: "any", result: "stated" },
  cast: { arity: [1], accepts: "any", result: "converted" },
  bitcast: { arity: [1], accepts: "words", result: "converted" },
  vec: { arity: [1, 2, 4], accepts: "any", result: "vector" },
  lane: { arity: [1], accepts: "any", result: "scalar", attribute: "number" },
  assume: { arity: [1], accepts: "any", result: "same", attribute: "bounds" },
  get: { arity: [0], accepts: "any", result: "stored", attribute: "variable", effect: "reads variable" },
  load: { arity: [1], accepts: "any", result: "element", apart: "index", attribute: "buffer", effect: "reads buffer" },
  loadShared: {
    arity: [1],
    accepts: "any",
    result: "element",
    apart: "index",
    attribute: "shared",
    effect: "reads shared",
  },
  atomicAdd: atomic(2),
  atomicMax: atomic(2),
  atomicMin: atomic(2),
  atomicOr: atomic(2),
  atomicAnd: atomic(2),
  atomicXor: atomic(2),
  atomicExchange: atomic(2),
  atomicCompareExchange: atomic(3),
  subgroupAdd: subgroup("number"),
  subgroupMax: subgroup("number"),
  subgroupMin: subgroup("number"),
  subgroupBroadcastFirst: subgroup("any"),
  subgroupShuffle: lanes,
  subgroupShuffleXor: lanes,
  subgroupBroadcast: lanes,
} as const satisfies Record<string, OpRule>;

export type OpName = keyof typeof grammar;
export type ComputedOp = keyof typeof computed;

export const ruleOf = (op: OpName): OpRule => grammar[op];
export const isComputed = (op: OpName): op is ComputedOp => op in computed;
