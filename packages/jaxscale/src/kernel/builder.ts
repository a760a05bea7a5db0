/** Writes kernels: pure values are hash-consed and float free until `place` puts them; effects keep their order. */
import { invariant } from "../base/errors.ts";
import { hideCancellation, hideCount } from "./cancel.ts";
import { convertConstant, foldInteger, foldSelect, reinterpretConstant } from "./fold.ts";
import { type ComputedOp, type OpName, ruleOf } from "./grammar.ts";
import type {
  Block,
  BufferDecl,
  Kernel,
  Range,
  ScalarType,
  SharedDecl,
  Statement,
  Value,
  ValueType,
  Variable,
} from "./ir.ts";
import { laneCount, scalarOf, vectorOf } from "./ir.ts";
import { place } from "./place.ts";
import { rangeOf } from "./ranges.ts";
import { resultType } from "./result-type.ts";
import { simplifyInteger } from "./simplify.ts";
import { unswitch } from "./unswitch.ts";

type Attr = Value["attr"];

export class KernelBuilder {
  #nextId = 0;
  readonly #interned = new Map<string, Value>();
  readonly #buffers: BufferDecl[] = [];
  readonly #shared: SharedDecl[] = [];
  readonly #immediates: { name: string; type: "i32" | "u32" | "f32" }[] = [];
  #block: Statement[] = [];
  readonly #enclosing: Statement[][] = [];
  #usesSubgroups = false;
  #guard: Value | undefined;

  // ---- constants -------------------------------------------------------------

  i32 = (n: number): Value => this.#constant("i32", n | 0);
  u32 = (n: number): Value => this.#constant("u32", n >>> 0);
  bool = (b: boolean): Value => this.#constant("bool", b ? 1 : 0);
  /** Any float, also NaN and infinities (which WGSL cannot write as constants). */
  f32 = (x: number): Value => this.#constant("f32", Math.fround(x));
  constant(type: ScalarType, x: number): Value {
    return type === "i32"
      ? this.i32(x)
      : type === "u32"
        ? this.u32(x)
        : type === "bool"
          ? this.bool(x !== 0)
          : this.f32(x);
  }
  #constant(type: ValueType, n: number): Value {
    return this.#intern("const", type, [], n, type === "i32" || type === "u32" ? { min: n, max: n } : undefined);
  }

  // ---- arithmetic: operands of one type; result of that type ------------------

  add = (a: Value, b: Value): Value => this.op("add", a, b);
  sub = (a: Value, b: Value): Value => this.op("sub", a, b);
  mul = (a: Value, b: Value): Value => this.op("mul", a, b);
  /** Float division, or integer division truncating toward zero (callers exclude zero divisors). */
  div = (a: Value, b: Value): Value => this.op("div", a, b);
  rem = (a: Value, b: Value): Value => this.op("rem", a, b);
  neg = (a: Value): Value => this.op("neg", a);
  abs = (a: Value): Value => this.op("abs", a);
  /** WGSL's own min and max: what they do with NaN is open. */
  min = (a: Value, b: Value): Value => this.op("min", a, b);
  max = (a: Value, b: Value): Value => this.op("max", a, b);
  fma = (a: Value, b: Value, c: Value): Value => this.op("fma", a, b, c);
  floor = (a: Value): Value => this.op("floor", a);
  ceil = (a: Value): Value => this.op("ceil", a);
  trunc = (a: Value): Value => this.op("trunc", a);
  roundEven = (a: Value): Value => this.op("round", a);
  sqrt = (a: Value): Value => this.op("sqrt", a);
  inverseSqrt = (a: Value): Value => this.op("inverseSqrt", a);
  exp = (a: Value): Value => this.op("exp", a);
  exp2 = (a: Value): Value => this.op("exp2", a);
  log = (a: Value): Value => this.op("log", a);
  log2 = (a: Value): Value => this.op("log2", a);
  pow = (a: Value, b: Value): Value => this.op("pow", a, b);
  countOneBits = (a: Value): Value => this.op("countOneBits", a);
  countLeadingZeros = (a: Value): Value => this.op("countLeadingZeros", a);

  // ---- bits ---------------------------------------------------------------------

  and = (a: Value, b: Value): Value => this.op("and", a, b);
  or = (a: Value, b: Value): Value => this.op("or", a, b);
  xor = (a: Value, b: Value): Value => this.op("xor", a, b);
  not = (a: Value): Value => this.op("not", a);
  /** @param b u32 below 32 */
  shl = (a: Value, b: Value): Value => this.op("shl", a, b);
  shr = (a: Value, b: Value): Value => this.op("shr", a, b);

  // ---- comparisons and selection ---------------------------------------------------

  lt = (a: Value, b: Value): Value => this.op("lt", a, b);
  le = (a: Value, b: Value): Value => this.op("le", a, b);
  gt = (a: Value, b: Value): Value => this.op("gt", a, b);
  ge = (a: Value, b: Value): Value => this.op("ge", a, b);
  eq = (a: Value, b: Value): Value => this.op("eq", a, b);
  ne = (a: Value, b: Value): Value => this.op("ne", a, b);
  /** `condition ? a : b`; both are evaluated. */
  select = (condition: Value, a: Value, b: Value): Value => this.op("select", condition, a, b);
  clamp = (x: Value, low: Value, high: Value): Value => this.min(this.max(x, low), high);

  // ---- conversions -----------------------------------------------------------------

  /** Numeric conversion between scalar types, lane-wise. Float to integer is WGSL's: callers handle NaN and overflow. */
  cast(type: ScalarType, x: Value): Value {
    if (scalarOf(x.type) === type) return x;
    if (x.op === "const") return this.constant(type, convertConstant(scalarOf(x.type), type, x.attr as number));
    const keepsValue = (type === "i32" || type === "u32") && x.range && (type === "i32" || x.range.min >= 0);
    return this.#intern("cast", vectorOf(type, laneCount(x.type)), [x], undefined, keepsValue ? x.range : undefined);
  }
  /** Same 32 bits under another type. */
  bitcast(type: ScalarType, x: Value): Value {
    if (scalarOf(x.type) === type) return x;
    if (x.op === "bitcast" && scalarOf(x.args[0].type) === type) return x.args[0];
    if (x.op === "const") return this.constant(type, reinterpretConstant(scalarOf(x.type), type, x.attr as number));
    return this.#intern("bitcast", vectorOf(type, laneCount(x.type)), [x]);
  }

  // ---- vectors --------------------------------------------------------------------

  vec(lanes: readonly Value[]): Value {
    if (lanes.length === 1) return lanes[0];
    invariant(lanes.length === 2 || lanes.length === 4, "vectors have 2 or 4 lanes");
    const [{ args: whole }] = lanes;
    // The lanes of one vector, put together again.
    if (
      lanes.every((x, i) => x.op === "lane" && x.attr === i && x.args[0] === whole[0]) &&
      laneCount(whole[0].type) === lanes.length
    )
      return whole[0];
    return this.#intern("vec", vectorOf(scalarOf(lanes[0].type), lanes.length), lanes);
  }
  splat(x: Value, lanes: 1 | 2 | 4): Value {
    return lanes === 1 ? x : this.#intern("vec", vectorOf(scalarOf(x.type), lanes), [x]);
  }
  lane(x: Value, lane: number): Value {
    if (laneCount(x.type) === 1) return x;
    if (x.op === "vec") return x.args.length === 1 ? x.args[0] : x.args[lane];
    return this.#intern("lane", scalarOf(x.type), [x], lane);
  }
  dot = (a: Value, b: Value): Value => this.op("dot", a, b);

  // ---- where this invocation is -------------------------------------------------------

  /** i32. `workgroup` of the grid, `local` within the workgroup, `groups` the grid's size. */
  workgroup = (axis: 0 | 1 | 2, max?: number): Value => this.#builtin(`workgroup_id.${"xyz"[axis]}`, max);
  groups = (axis: 0 | 1 | 2): Value => this.#builtin(`num_workgroups.${"xyz"[axis]}`);
  local = (axis: 0 | 1 | 2, size: number): Value =>
    size === 1 ? this.i32(0) : this.#builtin(`local_id.${"xyz"[axis]}`, size - 1);
  /** Lane within the subgroup, i32. */
  subgroupLane = (): Value => this.#builtin("subgroup_lane", 127);
  subgroupSize = (): Value => this.#builtin("subgroup_size", 128);
  #builtin(name: string, max = 2 ** 31 - 1): Value {
    if (name.startsWith("subgroup")) this.#usesSubgroups = true;
    return this.#intern("builtin", "i32", [], name, { min: 0, max });
  }
  immediate(name: string, type: "i32" | "u32" | "f32", range?: Range): Value {
    if (!this.#immediates.some((i) => i.name === name)) this.#immediates.push({ name, type });
    return this.#intern("immediate", type, [], name, range);
  }

  /** A number of iterations that drivers cannot count to: they would unroll the loop, and compile its body for seconds. */
  opaqueBound = (count: number): Value => hideCount(this, count);

  /** Stands for an unknown value; for analysis, never printed. */
  opaque(type: ValueType, name: string, range?: Range): Value {
    return this.#intern("opaque", type, [], name, range);
  }
  /** `value`, of which the caller has proven tighter bounds (by a guard around it). */
  assume(value: Value, bounds: Range): Value {
    if (value.op === "const") return value;
    if (value.range && bounds.min <= value.range.min && value.range.max <= bounds.max) return value;
    const known = value.range ?? bounds;
    const range = { min: Math.max(bounds.min, known.min), max: Math.min(bounds.max, known.max) };
    const tight = range.min <= range.max ? range : bounds;
    return this.#intern("assume", value.type, [value], `${tight.min}..${tight.max}`, tight);
  }

  // ---- memory ---------------------------------------------------------------------

  buffer(
    name: string,
    element: BufferDecl["element"],
    access: BufferDecl["access"],
    sizeWords: number,
    atomic = false,
  ): BufferDecl {
    // Loads differ by their buffer's name.
    const sameName = this.#buffers.filter((b) => b.name === name || b.name.startsWith(`${name}.`)).length;
    const unique = sameName === 0 ? name : `${name}.${sameName + 1}`;
    const decl: BufferDecl = { kind: "buffer", name: unique, element, access, sizeWords, atomic };
    this.#buffers.push(decl);
    return decl;
  }
  /** @param index i32, in words; a multiple of `lanes`. In bounds. */
  load(buffer: BufferDecl, index: Value, lanes: 1 | 2 | 4 = 1): Value {
    const type = vectorOf(buffer.element, lanes);
    return buffer.access === "read"
      ? this.#intern("load", type, [index], buffer)
      : this.#pin("load", type, [index], buffer);
  }
  store(buffer: BufferDecl, index: Value, value: Value): void {
    this.#push({ kind: "store", buffer, index, value });
  }
  /** The old value. @param value of the buffer's element type */
  atomic(
    op: "atomicAdd" | "atomicMax" | "atomicMin" | "atomicOr" | "atomicAnd" | "atomicXor" | "atomicExchange",
    buffer: BufferDecl,
    index: Value,
    value: Value,
  ): Value {
    return this.#pin(op, buffer.element, [index, value], buffer);
  }
  /** The old value; the exchange happened if it equals `expected`. (May fail spuriously: use in a loop.) */
  atomicCompareExchange(buffer: BufferDecl, index: Value, expected: Value, value: Value): Value {
    return this.#pin("atomicCompareExchange", buffer.element, [index, expected, value], buffer);
  }
  shared(name: string, type: ValueType, size: number): SharedDecl {
    const decl: SharedDecl = { kind: "shared", name, type, size };
    this.#shared.push(decl);
    return decl;
  }
  loadShared = (shared: SharedDecl, index: Value): Value => this.#pin("loadShared", shared.type, [index], shared);
  storeShared(shared: SharedDecl, index: Value, value: Value): void {
    this.#push({ kind: "storeShared", shared, index, value });
  }
  barrier(scope: "workgroup" | "storage" = "workgroup"): void {
    this.#push({ kind: "barrier", scope });
  }

  // ---- subgroups: in uniform control flow only ----------------------------------------

  subgroupAdd = (x: Value): Value => this.#subgroup("subgroupAdd", x);
  subgroupMax = (x: Value): Value => this.#subgroup("subgroupMax", x);
  subgroupMin = (x: Value): Value => this.#subgroup("subgroupMin", x);
  subgroupShuffleXor = (x: Value, mask: number): Value => this.#subgroup("subgroupShuffleXor", x, this.u32(mask));
  /** What lane `lane` has of `x`; an i32 that is the same in all lanes. */
  subgroupShuffle = (x: Value, lane: Value): Value => this.#subgroup("subgroupShuffle", x, this.cast("u32", lane));
  /** Lane `lane`'s value of `x`. */
  subgroupBroadcast = (x: Value, lane: number): Value => this.#subgroup("subgroupBroadcast", x, this.u32(lane));
  subgroupBroadcastFirst = (x: Value): Value => this.#subgroup("subgroupBroadcastFirst", x);
  #subgroup(op: OpName, ...args: Value[]): Value {
    this.#usesSubgroups = true;
    return this.#pin(op, args[0].type, args);
  }

  // ---- control flow -----------------------------------------------------------------

  variable(initial: Value, name = "v"): Variable {
    const variable: Variable = { kind: "variable", id: this.#nextId++, type: initial.type, name };
    this.#push({ kind: "declare", variable, initial });
    return variable;
  }
  get = (variable: Variable): Value => this.#pin("get", variable.type, [], variable);
  set(variable: Variable, value: Value): void {
    this.#push({ kind: "assign", variable, value });
  }

  /** `for (i = start; i < end; i += step)`, all i32. */
  loop(start: Value, end: Value, step: Value, body: (index: Value) => void): void {
    const range =
      start.range && end.range
        ? { min: start.range.min, max: Math.max(start.range.min, end.range.max - 1) }
        : undefined;
    const index = this.#make("loopIndex", "i32", [], undefined, range);
    this.#push({ kind: "for", index, start, end, step, body: this.#nested(() => body(index)) });
  }
  while(test: () => Value, body: () => void): void {
    let value: Value | undefined;
    const condition = this.#nested(() => {
      value = test();
    });
    this.#push({ kind: "while", condition, test: value as Value, body: this.#nested(body) });
  }
  if(condition: Value, then: () => void, otherwise?: () => void): void {
    if (condition.op === "const") {
      if (condition.attr) then();
      else otherwise?.();
      return;
    }
    this.#push({
      kind: "if",
      condition,
      then: this.#nested(then),
      otherwise: otherwise ? this.#nested(otherwise) : { statements: [] },
    });
  }
  /** Like `select`, but only the chosen side is evaluated. @param ofMemory as of the statement */
  branch(
    condition: Value,
    then: () => Value,
    otherwise: () => Value,
    ofMemory?: readonly [place: Value, end: Value],
  ): Value {
    if (condition.op === "const") return condition.attr ? then() : otherwise();
    const thenBlock: Statement[] = [];
    const otherwiseBlock: Statement[] = [];
    const a = this.#into(thenBlock, then);
    const variable: Variable = { kind: "variable", id: this.#nextId++, type: a.type, name: "chosen" };
    thenBlock.push({ kind: "assign", variable, value: a });
    const b = this.#into(otherwiseBlock, otherwise);
    otherwiseBlock.push({ kind: "assign", variable, value: b });
    const zero = this.constant(scalarOf(a.type), 0);
    this.#push({ kind: "declare", variable, initial: this.splat(zero, laneCount(a.type)) });
    this.#push({
      kind: "if",
      condition,
      then: { statements: thenBlock },
      otherwise: { statements: otherwiseBlock },
      ...(ofMemory && { ofMemory }),
    });
    return this.get(variable);
  }
  #nested(write: () => void): Block {
    const statements: Statement[] = [];
    this.#into(statements, write);
    return { statements };
  }
  #into<T>(statements: Statement[], write: () => T): T {
    this.#enclosing.push(this.#block);
    this.#block = statements;
    try {
      return write();
    } finally {
      this.#block = this.#enclosing.pop() as Statement[];
    }
  }

  /** How much has been written: values and variables. */
  get valueCount(): number {
    return this.#nextId;
  }

  /** Identifies the block being written, for `isVisible`. */
  get block(): readonly Statement[] {
    return this.#block;
  }
  /** Whether values made while `block` was being written may be used here. */
  isVisible(block: readonly Statement[]): boolean {
    return block === this.#block || this.#enclosing.some((b) => b === block);
  }

  // ---- the workings ------------------------------------------------------------------

  /** Any op of the grammar whose result type follows from its operands. */
  op(name: ComputedOp, ...operands: Value[]): Value {
    const type = resultType(name, operands);
    const chosen = foldSelect(name, operands);
    if (chosen) return chosen;
    const args = hideCancellation(this, name, operands);
    const integer = type === "i32" || type === "u32" || type === "bool";
    if (integer) {
      const simple = foldInteger(this, name, type, args) ?? simplifyInteger(this, name, args);
      if (simple) return simple;
    }
    return this.#intern(name, type, args, undefined, integer ? rangeOf(name, type, args) : undefined);
  }
  /** The op exactly as given: for the simplifier, whose results must not be simplified again. */
  raw(name: ComputedOp, ...args: Value[]): Value {
    const type = resultType(name, args);
    return this.#intern(name, type, args, undefined, rangeOf(name, type, args));
  }
  /** The same op on other operands, or (if it is not shared) once more. */
  again({ op, type, attr, range }: Value, args: readonly Value[], newAttr: Attr = attr): Value {
    const { effect } = ruleOf(op);
    const isShared = effect === undefined || (op === "load" && (attr as BufferDecl).access === "read");
    return isShared && op !== "loopIndex"
      ? this.#intern(op, type, args, newAttr, range)
      : this.#make(op, type, args, newAttr, range);
  }
  /** Another variable like one. */
  fresh = (variable: Variable): Variable => ({ ...variable, id: this.#nextId++ });

  #intern(op: OpName, type: ValueType, args: readonly Value[], attr?: Attr, range?: Range): Value {
    const shown =
      typeof attr === "object"
        ? ((attr as { name?: string; id?: number }).name ?? attr)
        : Object.is(attr, -0)
          ? "-0"
          : attr;
    const key = `${op}:${type}:${shown ?? ""}:${args.map((a) => a.id).join(",")}`;
    const known = this.#interned.get(key);
    if (known) return known;
    const value = this.#make(op, type, args, attr, range);
    this.#interned.set(key, value);
    return value;
  }
  #make(op: OpName, type: ValueType, args: readonly Value[], attr?: Attr, range?: Range): Value {
    return { kind: "value", id: this.#nextId++, op, type, args, attr, range };
  }
  #pin(op: OpName, type: ValueType, args: readonly Value[], attr?: Attr): Value {
    const value = this.#make(op, type, args, attr);
    this.#push({ kind: "let", value });
    return value;
  }
  #guarded(): Statement[] {
    const condition = this.#guard;
    const then = { statements: this.#block };
    return condition ? [{ kind: "if", condition, then, otherwise: { statements: [] } }] : this.#block;
  }
  #push(statement: Statement): void {
    this.#block.push(statement);
  }

  /** Runs the kernel only where `condition` holds, which must be uniform. May be called more than once. */
  guard(condition: Value): void {
    this.#guard = this.#guard ? this.and(this.#guard, condition) : condition;
  }

  /** The finished kernel, with every pure value placed. */
  finish(name: string, workgroupSize: readonly [number, number, number]): Kernel {
    return {
      name,
      buffers: this.#buffers,
      shared: this.#shared,
      workgroupSize,
      immediates: this.#immediates,
      body: place(unswitch(this, { statements: this.#guarded() })),
      usesSubgroups: this.#usesSubgroups,
    };
  }
}
