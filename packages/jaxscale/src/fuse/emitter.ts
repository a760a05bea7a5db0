/** Writes the values of equations into a kernel: evaluates a variable at an index by formula, by what the schedule has computed, or by a load. */
import { bitsOf, computeType, isFloat } from "../base/dtypes.ts";
import { invariant } from "../base/errors.ts";
import type { Target } from "../base/target.ts";
import type { Atom, Var } from "../jaxpr/ir.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import { Index } from "../kernel/index-space.ts";
import type { BufferDecl, Statement, Value } from "../kernel/ir.ts";
import { roundToDtype } from "../kernel/rounding.ts";
import { contextOf, type Graph, rules, sizeOfAtom } from "./graph.ts";
import type { Group } from "./group.ts";
import { MemoryView, type ViewOptions } from "./memory-view.ts";
import type { ScheduleContext } from "./schedule.ts";

/** A kernel binding: which window of which variable (or scratch of the schedule's own). */
export interface Bound {
  readonly memory: Var | Scratch;
  readonly access: BufferDecl["access"];
  readonly window: number;
  /** Words of a full window. */
  readonly windowWords: number;
}
/** Memory between the kernels of one group. */
export interface Scratch {
  readonly kind: "scratch";
  readonly name: string;
  readonly sizeBytes: number;
}

interface Known {
  readonly value: Value;
  readonly block: readonly Statement[];
}

export class Emitter {
  readonly k: KernelBuilder;
  readonly #graph: Graph;
  readonly #defines: ReadonlySet<Var>;
  readonly #target: Target;
  readonly #iterations: ScheduleContext["iterations"];
  readonly #part: number | undefined;
  readonly #resolve: (v: Var) => Var;
  readonly #overwritten: ScheduleContext["overwritten"];
  readonly #views = new Map<Var, MemoryView>();
  readonly #outputs = new Map<Var, MemoryView>();
  readonly #computed = new Map<Var, Value>();
  readonly #memo = new Map<string, Known>();
  readonly bindings: Bound[] = [];

  constructor(k: KernelBuilder, group: Group, context: ScheduleContext) {
    this.k = k;
    this.#graph = context.graph;
    this.#defines = group.defines;
    this.#target = context.target;
    this.#iterations = context.iterations;
    this.#part = context.part?.index;
    this.#resolve = context.resolve;
    this.#overwritten = context.overwritten;
  }

  /** Sets the value of a variable: the result of a reduction or contraction. */
  define(v: Var, value: Value): void {
    this.#computed.set(v, this.round(v, value));
  }

  /** The value of an atom at an index of its own shape. */
  read(atom: Atom, index: Index): Value {
    const type = computeType(atom.aval.dtype);
    if (atom.kind === "literal") return this.k.constant(type, atom.value);
    const computed = this.#computed.get(atom);
    if (computed) return computed;
    const iteration = this.#iterations.get(atom);
    if (iteration) return this.k.immediate(`iteration${iteration.depth}`, "i32", { min: 0, max: iteration.trips - 1 });
    if (sizeOfAtom(atom) === 0) return this.k.constant(type, 0);
    const key = `${atom.id}:${index.linear.id}`;
    const known = this.#memo.get(key);
    if (known && this.k.isVisible(known.block)) return known.value;
    const value = this.#evaluate(atom, index);
    this.#memo.set(key, { value, block: this.k.block });
    return value;
  }

  #evaluate(v: Var, index: Index): Value {
    const producer = this.#graph.producer(v);
    if (producer && (this.#defines.has(v) || this.#graph.virtualProducer(v))) {
      const { eqn, output } = producer;
      const { lowering } = rules(eqn);
      // An update may also be written whole, by its formula.
      invariant(
        lowering.kind === "map" || lowering.kind === "update",
        `${eqn.primitive.name} has to be computed before it is read`,
      );
      const value = lowering.element(this.k, index, (i, at) => this.read(eqn.inputs[i], at), contextOf(eqn), output);
      return rules(eqn).exact ? value : this.round(v, value);
    }
    return this.view(v).element(index.linear);
  }

  /** Every equation rounds to its dtype, fused or not. */
  round(v: Var, value: Value): Value {
    const { dtype } = v.aval;
    return bitsOf(dtype) === 32 || (!isFloat(dtype) && dtype === "bool") ? value : roundToDtype(this.k, dtype, value);
  }

  /** The memory of a variable that the kernel reads. */
  view(v: Var): MemoryView {
    const memory = this.#resolve(v);
    const taker = this.#overwritten?.get(memory);
    let view = taker ? this.#outputs.get(taker) : this.#views.get(memory);
    if (!view) {
      const name = `in${this.#views.size}`;
      view = this.#viewOf(memory, { name, aval: memory.aval, access: "read" });
      this.#views.set(memory, view);
    }
    return view;
  }

  /** The memory of a variable that the kernel writes. */
  output(v: Var, name: string, atomic = false): MemoryView {
    const memory = this.#resolve(v);
    const view = this.#viewOf(memory, { name, aval: v.aval, access: "read_write", atomic });
    this.#outputs.set(memory, view);
    return view;
  }
  /** Memory of the schedule's own, in words of one element type. */
  scratch(scratch: Scratch, element: BufferDecl["element"], access: BufferDecl["access"]): BufferDecl {
    this.bindings.push({ memory: scratch, access, window: 0, windowWords: scratch.sizeBytes / 4 });
    return this.k.buffer(scratch.name, element, access, scratch.sizeBytes / 4);
  }
  #viewOf(memory: Var, options: Omit<ViewOptions, "target" | "part">): MemoryView {
    const here = { target: this.#target, part: this.#part };
    return new MemoryView(this.k, { ...options, ...here }, (window, windowWords) =>
      this.bindings.push({ memory, access: options.access, window, windowWords }),
    );
  }

  /** The value of a member variable at a row-major position of its shape. */
  at(v: Var, position: Value): Value {
    return this.read(v, Index.fromLinear(this.k, v.aval.shape, position));
  }
}
