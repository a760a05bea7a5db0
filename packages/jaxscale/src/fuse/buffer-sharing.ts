/** Which variables share memory: new names and shapes of it, and results that take it over. */
import type { Jaxpr, Var } from "../jaxpr/ir.ts";
import type { Scratch } from "./emitter.ts";

export type Memory = Var | Scratch;

/** Filled while steps are drafted; what comes after only asks. */
export class BufferSharing {
  readonly #arguments: ReadonlyMap<Var, number>;
  readonly #constants: ReadonlySet<Var>;
  readonly #results: Jaxpr["outvars"];
  readonly #donated: ReadonlySet<number>;
  /** A variable that is another one's memory under a new name or shape. */
  readonly #aliases = new Map<Var, Var>();
  /** A variable whose memory is that of an older one, updated in place. */
  readonly #successorOf = new Map<Memory, Var>();
  #protected: ReadonlySet<Var> = new Set();
  #granted: ReadonlySet<Var> = new Set();

  constructor(jaxpr: Jaxpr, donated: ReadonlySet<number>) {
    this.#arguments = new Map(jaxpr.invars.map((v, i) => [v, i]));
    this.#constants = new Set(jaxpr.constvars);
    this.#results = jaxpr.outvars;
    this.#donated = donated;
  }

  alias(v: Var, memory: Var): void {
    this.#aliases.set(v, memory);
  }
  /** The variable whose memory `v` names. */
  readonly resolve = (v: Var): Var => {
    let memory = v;
    for (let next = this.#aliases.get(memory); next; next = this.#aliases.get(memory)) memory = next;
    return memory;
  };

  /**
   * Drafts the inside of a loop or branch.
   * @param kept memory that must not be overwritten: it is read again in the next iteration, or by others
   * @param granted memory that may be, though it holds results: a loop's carries
   */
  inside<T>(kept: readonly Var[], granted: ReadonlySet<Var>, draft: () => T): T {
    const outer = [this.#protected, this.#granted] as const;
    this.#protected = new Set([...outer[0], ...kept.map((v) => this.rootOf(v))]);
    this.#granted = new Set([...granted].map((v) => this.rootOf(v)));
    try {
      return draft();
    } finally {
      [this.#protected, this.#granted] = outer;
    }
  }

  /** Lets `result` use the memory of `old` from now on, if nobody else may still want the old value. */
  takeOver(old: Var, result: Var): boolean {
    const root = this.rootOf(old);
    if (this.#protected.has(root)) return false;
    if (!this.#granted.has(root)) {
      const argument = this.#arguments.get(old);
      const mine = argument === undefined ? !this.#constants.has(old) : this.#donated.has(argument);
      if (!mine || this.#results.some((a) => a.kind === "var" && this.resolve(a) === old)) return false;
    }
    this.#successorOf.set(result, old);
    return true;
  }

  /** The first variable of a chain of updates in place. */
  rootOf(memory: Var): Var {
    let root = this.resolve(memory);
    for (let older = this.#successorOf.get(root); older; older = this.#successorOf.get(root)) root = older;
    return root;
  }
  /** The same for scratch memory, which is its own. */
  readonly root = (memory: Memory): Memory => {
    return memory.kind === "var" ? this.rootOf(memory) : memory;
  };
}
