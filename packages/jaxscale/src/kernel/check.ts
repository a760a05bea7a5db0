/** Checks a kernel: types, definitions before uses, bounds, uniformity, limits. A failure is a bug of whoever wrote it. */
import { invariant } from "../base/errors.ts";
import type { Target } from "../base/target.ts";
import { checkBounds } from "./bounds.ts";
import { grammar, type OpName, resultType } from "./grammar.ts";
import type { Block, BufferDecl, Kernel, SharedDecl, Statement, Value, ValueType, Variable } from "./ir.ts";
import { laneCount, scalarOf, vectorOf } from "./ir.ts";
import { checkUniformity } from "./uniformity.ts";

/** @throws Error that names the kernel and what is wrong in it */
export function checkKernel(kernel: Kernel, limits: Partial<Target["limits"]> = {}): void {
  checkLimits(kernel, limits);
  new Checker(kernel).run();
  checkBounds(kernel);
  checkUniformity(kernel);
}

function checkLimits(kernel: Kernel, limits: Partial<Target["limits"]>): void {
  const [x, y, z] = kernel.workgroupSize;
  const sharedBytes = kernel.shared.reduce((sum, s) => sum + s.size * 4 * laneCount(s.type), 0);
  const within = (what: string, value: number, limit = Number.POSITIVE_INFINITY): void =>
    invariant(value <= limit, `kernel ${kernel.name}: ${what} ${value}, the limit is ${limit}`);
  within("immediates", kernel.immediates.length, 16);
  within("storage buffers", kernel.buffers.length, limits.maxStorageBuffersPerShaderStage);
  within("invocations a workgroup", x * y * z, limits.maxComputeInvocationsPerWorkgroup);
  within("workgroup size", x, limits.maxComputeWorkgroupSizeX);
  within("bytes of shared memory", sharedBytes, limits.maxComputeWorkgroupStorageSize);
  for (const b of kernel.buffers) within(`bytes of ${b.name}`, b.sizeWords * 4, limits.maxStorageBufferBindingSize);
}

/** What is visible in a block, and in those around it. */
class Scope {
  readonly #own = new Set<Value | Variable>();
  readonly #outer: Scope | undefined;
  constructor(outer?: Scope) {
    this.#outer = outer;
  }
  add(item: Value | Variable): void {
    this.#own.add(item);
  }
  has(item: Value | Variable): boolean {
    return this.#own.has(item) || (this.#outer?.has(item) ?? false);
  }
}

class Checker {
  readonly #kernel: Kernel;
  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  run(): void {
    this.#block(this.#kernel.body, new Scope());
  }

  #require(condition: unknown, message: string): asserts condition {
    invariant(condition, `kernel ${this.#kernel.name}: ${message}`);
  }

  #block(block: Block, scope: Scope): void {
    for (const s of block.statements) this.#statement(s, scope);
  }

  #statement(s: Statement, scope: Scope): void {
    const use = (v: Value, type?: ValueType): void => this.#use(v, scope, type);
    switch (s.kind) {
      case "let":
        for (const a of s.value.args) use(a);
        this.#define(s.value, scope);
        return;
      case "declare":
        use(s.initial, s.variable.type);
        return scope.add(s.variable);
      case "assign":
        this.#require(scope.has(s.variable), `variable ${s.variable.name} is assigned where it is not declared`);
        return use(s.value, s.variable.type);
      case "store":
        this.#require(this.#kernel.buffers.includes(s.buffer), `store to ${s.buffer.name}, which is not bound`);
        this.#require(s.buffer.access === "read_write", `store to ${s.buffer.name}, which is bound for reading`);
        this.#require(!s.buffer.atomic || laneCount(s.value.type) === 1, `vector store to the atomic ${s.buffer.name}`);
        use(s.index, "i32");
        return use(s.value, vectorOf(s.buffer.element, laneCount(s.value.type)));
      case "storeShared":
        this.#require(this.#kernel.shared.includes(s.shared), `store to ${s.shared.name}, which is not declared`);
        use(s.index, "i32");
        return use(s.value, s.shared.type);
      case "for": {
        for (const v of [s.start, s.end, s.step]) use(v, "i32");
        const inner = new Scope(scope);
        inner.add(s.index);
        return this.#block(s.body, inner);
      }
      case "while": {
        const test = new Scope(scope);
        this.#block(s.condition, test);
        this.#use(s.test, test, "bool");
        // WGSL's loop body sees what its condition computed, but nothing may rely on that.
        return this.#block(s.body, new Scope(scope));
      }
      case "if":
        use(s.condition, "bool");
        this.#block(s.then, new Scope(scope));
        return this.#block(s.otherwise, new Scope(scope));
      case "barrier":
        return;
    }
  }

  #use(v: Value, scope: Scope, type = v.type): void {
    this.#require(v.type === type, `${v.op} has type ${v.type}, ${type} is needed`);
    if (v.op === "const" || v.op === "builtin") return;
    if (v.op === "immediate")
      return this.#require(
        this.#kernel.immediates.some((m) => m.name === v.attr && m.type === v.type),
        `immediate ${String(v.attr)} is not declared`,
      );
    this.#require(scope.has(v), `${v.op} (%${v.id}) is used where it is not defined`);
  }

  #define(v: Value, scope: Scope): void {
    this.#require(!scope.has(v), `${v.op} (%${v.id}) is defined twice`);
    const expected = this.#typeOf(v, scope);
    this.#require(v.type === expected, `${v.op} has type ${v.type}, its operands make ${expected}`);
    this.#require(
      this.#kernel.usesSubgroups || !v.op.startsWith("subgroup"),
      `${v.op} in a kernel that does not say that it uses subgroups`,
    );
    scope.add(v);
  }

  #typeOf(v: Value, scope: Scope): ValueType {
    if (v.op in grammar) return resultType(v.op as OpName, v.args);
    const [a] = v.args;
    switch (v.op) {
      case "cast":
        return vectorOf(scalarOf(v.type), laneCount(a.type));
      case "bitcast":
        for (const t of [a.type, v.type])
          this.#require(["f32", "i32", "u32"].includes(scalarOf(t)), `bitcast of ${a.type} to ${v.type}`);
        return vectorOf(scalarOf(v.type), laneCount(a.type));
      case "vec":
        this.#require(
          v.args.every((x) => x.type === a.type) && (v.args.length === 1 || v.args.length === laneCount(v.type)),
          `a vector of ${v.args.map((x) => x.type).join(", ")}`,
        );
        return vectorOf(a.type as "f32", laneCount(v.type));
      case "lane":
        this.#require((v.attr as number) < laneCount(a.type), `lane ${String(v.attr)} of ${a.type}`);
        return scalarOf(a.type);
      case "assume":
        return a.type;
      case "get":
        this.#require(scope.has(v.attr as Variable), `variable ${(v.attr as Variable).name} is read before it exists`);
        return (v.attr as Variable).type;
      case "loadShared":
        this.#require(this.#kernel.shared.includes(v.attr as SharedDecl), "load from shared memory not declared");
        this.#require(a.type === "i32", `shared memory is indexed by ${a.type}`);
        return (v.attr as SharedDecl).type;
    }
    this.#require(v.op === "load" || v.op.startsWith("atomic"), `op ${v.op} is not in the grammar`);
    return this.#memoryType(v, v.attr as BufferDecl);
  }

  #memoryType(v: Value, buffer: BufferDecl): ValueType {
    this.#require(this.#kernel.buffers.includes(buffer), `${v.op} of ${buffer.name}, which is not bound`);
    this.#require(v.args[0].type === "i32", `${buffer.name} is indexed by ${v.args[0].type}`);
    if (v.op === "load") {
      this.#require(!buffer.atomic || laneCount(v.type) === 1, `vector load from the atomic ${buffer.name}`);
      return vectorOf(buffer.element, laneCount(v.type));
    }
    this.#require(buffer.atomic && buffer.access === "read_write", `${v.op} on ${buffer.name}, which is not atomic`);
    for (const operand of v.args.slice(1))
      this.#require(operand.type === buffer.element, `${v.op} of ${operand.type} on ${buffer.name}`);
    return buffer.element;
  }
}
