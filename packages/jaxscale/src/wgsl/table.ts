/** WGSL as a table from op to text. */
import type { ComputedOp, OpName } from "../kernel/grammar.ts";
import { laneCount, scalarOf, type Value, type ValueType } from "../kernel/ir.ts";

/** How tightly a text binds: what an operator may take as an operand without parentheses. */
export const binding = { loose: 0, sum: 1, product: 2, atom: 3 } as const;
export type Binding = (typeof binding)[keyof typeof binding];

export interface Text {
  readonly text: string;
  readonly binding: Binding;
}

export const atom = (text: string): Text => ({ text, binding: binding.atom });

const wrap = ({ text, binding: own }: Text, least: Binding): string => (own >= least ? text : `(${text})`);

type Row = (operands: readonly Text[], value: Value) => Text;

// WGSL would take `f(a < b, c > d)` for a template `a<b, c>`.
const list = (operands: readonly Text[]): string =>
  operands.map((o) => (o.text.includes(" < ") ? `(${o.text})` : o.text)).join(", ");

const call =
  (name: string): Row =>
  (operands) =>
    atom(`${name}(${list(operands)})`);

/** `left` and `right`: the loosest operands that need no parentheses. Floats do not regroup, so the right side binds tighter. */
const infix =
  (symbol: string, own: Binding, left: Binding, right: Binding): Row =>
  ([a, b]) => ({ text: `${wrap(a, left)} ${symbol} ${wrap(b, right)}`, binding: own });
const sum = (symbol: string): Row => infix(symbol, binding.sum, binding.sum, binding.product);
const product = (symbol: string): Row => infix(symbol, binding.product, binding.product, binding.atom);
const bits = (symbol: string): Row => infix(symbol, binding.loose, binding.atom, binding.atom);
const comparison = (symbol: string): Row => infix(symbol, binding.loose, binding.sum, binding.sum);
const forBool =
  (bool: Row, other: Row): Row =>
  (operands, value) =>
    (scalarOf(value.type) === "bool" ? bool : other)(operands, value);
const prefix =
  (symbol: string): Row =>
  ([a]) => ({
    text: `${symbol}${a.text.startsWith("-") ? `(${a.text})` : wrap(a, binding.atom)}`,
    binding: binding.product,
  });

/** Ops that are written as an expression of their operands. */
export type TableOp =
  | ComputedOp
  | Extract<OpName, `subgroup${string}`>
  | "cast"
  | "bitcast"
  | "vec"
  | "lane"
  | "assume";

export const table: Record<TableOp, Row> = {
  add: ([a, b], value) =>
    /^-[\d.]/.test(b.text) && b.binding === binding.product
      ? sum("-")([a, atom(b.text.slice(1))], value)
      : sum("+")([a, b], value),
  sub: sum("-"),
  mul: product("*"),
  div: product("/"),
  rem: product("%"),
  // WGSL has no unary minus on u32.
  neg: (operands, value) =>
    scalarOf(value.type) === "u32"
      ? sum("-")([atom(`${value.type}(0u)`), operands[0]], value)
      : prefix("-")(operands, value),
  abs: call("abs"),
  min: call("min"),
  max: call("max"),
  fma: call("fma"),
  floor: call("floor"),
  ceil: call("ceil"),
  trunc: call("trunc"),
  round: call("round"),
  sqrt: call("sqrt"),
  inverseSqrt: call("inverseSqrt"),
  exp: call("exp"),
  exp2: call("exp2"),
  log: call("log"),
  log2: call("log2"),
  pow: call("pow"),
  countOneBits: call("countOneBits"),
  countLeadingZeros: call("countLeadingZeros"),
  and: bits("&"),
  or: bits("|"),
  xor: forBool(bits("!="), bits("^")),
  not: forBool(prefix("!"), prefix("~")),
  shl: bits("<<"),
  shr: bits(">>"),
  lt: comparison("<"),
  le: comparison("<="),
  gt: comparison(">"),
  ge: comparison(">="),
  eq: comparison("=="),
  // Tint's != is false for NaN.
  ne: (operands, value) =>
    scalarOf(value.args[0].type) === "f32"
      ? atom(`!(${comparison("==")(operands, value).text})`)
      : comparison("!=")(operands, value),
  select: ([condition, yes, no]) => atom(`select(${list([no, yes, condition])})`),
  // WGSL's dot takes vectors only.
  dot: (operands, value) =>
    laneCount(value.args[0].type) === 1 ? product("*")(operands, value) : call("dot")(operands, value),
  subgroupAdd: call("subgroupAdd"),
  subgroupMax: call("subgroupMax"),
  subgroupMin: call("subgroupMin"),
  subgroupShuffle: call("subgroupShuffle"),
  subgroupShuffleXor: call("subgroupShuffleXor"),
  subgroupBroadcast: call("subgroupBroadcast"),
  subgroupBroadcastFirst: call("subgroupBroadcastFirst"),
  assume: ([a]) => a,
  cast: ([a], value) => atom(`${value.type}(${a.text})`),
  bitcast: ([a], value) => atom(`bitcast<${value.type}>(${a.text})`),
  vec: (operands, value) => atom(`${value.type}(${list(operands)})`),
  lane: ([a], value) => atom(`${wrap(a, binding.atom)}.${"xyzw"[value.attr as number]}`),
};

/** `index` counted in vectors of `lanes` words. An index is never negative, so a shift divides. */
export function inVectors(index: Text, lanes: 1 | 2 | 4): Text {
  if (lanes === 1) return index;
  return bits(">>")([index, atom(lanes === 2 ? "1u" : "2u")], { type: "i32" as ValueType } as Value);
}

/** `index + offset` */
export const plus = (index: Text, offset: number): Text =>
  offset === 0 ? index : { text: `${wrap(index, binding.sum)} + ${offset}`, binding: binding.sum };
