/**
 * Which values all invocations of a workgroup agree on, and whether they reach barriers and subgroup operations together.
 * As WGSL's own analysis: only workgroup ids, grid sizes, immediates, constants and loads from `read` buffers at uniform
 * indices begin uniform; variables lose it when assigned a value, or under a condition, that is not.
 */
import { invariant } from "../base/errors.ts";
import { ruleOf } from "./grammar.ts";
import type { Block, BufferDecl, Kernel, Statement, Value, Variable } from "./ir.ts";

const uniformBuiltins = /^(workgroup_id|num_workgroups|subgroup_size)/;

export function checkUniformity(kernel: Kernel): void {
  const refuse = (what: string): void => invariant(false, `kernel ${kernel.name}: ${what}`);
  new Analysis(refuse).block(kernel.body, true);
}

/** Which values all invocations of a workgroup agree on, in statements that may not be placed yet. */
export function uniformIn(body: Block): (v: Value) => boolean {
  const analysis = new Analysis(() => {});
  analysis.block(body, true);
  return (v) => analysis.isUniform(v);
}

class Analysis {
  /** Told of what lanes may only do together, and do not. */
  readonly #refuse: (what: string) => void;
  /** Values and variables found to differ between invocations. Only ever grows, so loops reach a fixed point. */
  readonly #varying = new Set<Value | Variable>();
  #known = new Map<Value, boolean>();

  constructor(refuse: (what: string) => void) {
    this.#refuse = refuse;
  }

  /** @param together whether all invocations run this block, or none */
  block(block: Block, together: boolean): void {
    for (const s of block.statements) this.#statement(s, together);
  }

  #statement(s: Statement, together: boolean): void {
    switch (s.kind) {
      case "let":
        if (!together && ruleOf(s.value.op).effect === "subgroup")
          this.#refuse(`${s.value.op} under control flow that differs between invocations`);
        // A variable's value belongs to this place: what it is later says nothing of it.
        if (s.value.op === "get" && this.#varying.has(s.value.attr as Variable)) this.#varying.add(s.value);
        return;
      case "declare":
        return this.#assign(s.variable, s.initial, true);
      case "assign":
        return this.#assign(s.variable, s.value, together);
      case "for":
        return this.#repeat(() => {
          const same = together && [s.start, s.end, s.step].every((v) => this.isUniform(v));
          if (![s.start, s.end, s.step].every((v) => this.isUniform(v))) this.#varying.add(s.index);
          this.block(s.body, same);
        });
      case "while":
        return this.#repeat(() => {
          this.block(s.condition, together && this.isUniform(s.test));
          this.block(s.body, together && this.isUniform(s.test));
        });
      case "if": {
        const same = together && this.isUniform(s.condition);
        this.block(s.then, same);
        return this.block(s.otherwise, same);
      }
      case "barrier":
        if (!together) this.#refuse(`${s.scope} barrier under control flow that differs between invocations`);
        return;
      case "store":
      case "storeShared":
        return;
    }
  }

  #assign(variable: Variable, value: Value, together: boolean): void {
    if (!together || !this.isUniform(value)) this.#varying.add(variable);
  }

  #repeat(pass: () => void): void {
    for (let before = -1; before !== this.#varying.size; ) {
      before = this.#varying.size;
      this.#known = new Map();
      pass();
    }
  }

  isUniform(v: Value): boolean {
    const known = this.#known.get(v);
    if (known !== undefined) return known;
    const uniform = !this.#varying.has(v) && this.#originIsUniform(v) && v.args.every((a) => this.isUniform(a));
    this.#known.set(v, uniform);
    return uniform;
  }

  #originIsUniform(v: Value): boolean {
    if (v.op === "builtin") return uniformBuiltins.test(v.attr as string);
    const { effect } = ruleOf(v.op);
    if (effect === "reads buffer") return (v.attr as BufferDecl).access === "read";
    return effect === undefined || effect === "reads variable";
  }
}
