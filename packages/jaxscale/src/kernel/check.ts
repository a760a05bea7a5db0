/** Checks a kernel: types, definitions before uses, bounds, uniformity, limits. A failure is a bug of whoever wrote it. */
import { invariant } from "../base/errors.ts";
import type { Target } from "../base/target.ts";
import { checkBounds } from "./bounds.ts";
import { ruleOf } from "./grammar.ts";
import type { Block, Kernel, Statement, Value, ValueType, Variable } from "./ir.ts";
import { laneCount, vectorOf } from "./ir.ts";
import { typeOf } from "./result-type.ts";
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
    if (v.op === "immediate")
      this.#require(
        this.#kernel.immediates.some((m) => m.name === v.attr && m.type === v.type),
        `immediate ${String(v.attr)} is not declared`,
      );
    if (ruleOf(v.op).free) return;
    this.#require(scope.has(v), `${v.op} (%${v.id}) is used where it is not defined`);
  }

  #define(v: Value, scope: Scope): void {
    this.#require(!scope.has(v), `${v.op} (%${v.id}) is defined twice`);
    const { result, effect } = ruleOf(v.op);
    this.#require(result !== "stated", `${v.op} is not computed by a statement`);
    const expected = this.#typeOf(v);
    this.#require(v.type === expected, `${v.op} has type ${v.type}, its operands make ${expected}`);
    this.#require(
      this.#kernel.usesSubgroups || effect !== "subgroup",
      `${v.op} in a kernel that does not say that it uses subgroups`,
    );
    this.#memory(v, scope);
    scope.add(v);
  }

  #typeOf(v: Value): ValueType {
    try {
      return typeOf(v);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}; in kernel ${this.#kernel.name}`);
    }
  }

  /** That what the value reads or changes is declared, and open to that. */
  #memory({ op, type, attr }: Value, scope: Scope): void {
    if (typeof attr !== "object") return;
    switch (attr.kind) {
      case "variable":
        return this.#require(scope.has(attr), `variable ${attr.name} is read before it exists`);
      case "shared":
        return this.#require(this.#kernel.shared.includes(attr), "load from shared memory not declared");
      case "buffer":
        this.#require(this.#kernel.buffers.includes(attr), `${op} of ${attr.name}, which is not bound`);
        if (op === "load")
          return this.#require(!attr.atomic || laneCount(type) === 1, `vector load from the atomic ${attr.name}`);
        this.#require(attr.atomic && attr.access === "read_write", `${op} on ${attr.name}, which is not atomic`);
    }
  }
}
