/** Which variables share memory: reshaped values, and results that alias operands. */
import type { Jaxpr, Var } from "../jaxpr/ir.ts";
import type { Scratch } from "./emitter.ts";

export type Memory = Var | Scratch;

/** Results by the position of the donated argument whose memory they take; undefined: whichever is made of it in place. */
export type Donated = ReadonlyMap<number, number | undefined>;

/** Filled while steps are drafted; later stages only read it. */
export class BufferSharing {
  readonly #arguments: ReadonlyMap<Var, number>;
  readonly #constants: ReadonlySet<Var>;
  readonly #results: Jaxpr["outvars"];
  readonly #donated: Donated;
  /** A variable that is another one's memory under a new name or shape. */
  readonly #aliases = new Map<Var, Var>();
  /** A variable whose memory is that of an older one, updated in place. */
  readonly #successorOf = new Map<Memory, Var>();
  #protected: ReadonlySet<Var> = new Set();
  #granted: ReadonlySet<Var> = new Set();

  constructor(jaxpr: Jaxpr, donated: Donated) {
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

  /** Aliases `result` to `old`, unless the old value is still read elsewhere. */
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

  /** Donated arguments whose memory a result may take if it is computed in place: the one at its place of the tree, or those without a place. */
  donorsFor(result: Var): readonly Var[] {
    const places = this.#results.flatMap((a, i) => (a.kind === "var" && this.resolve(a) === result ? [i] : []));
    if (places.length === 0) return [];
    const to = (wanted: (place: number | undefined) => boolean): readonly Var[] =>
      [...this.#arguments].flatMap(([v, i]) => (this.#donated.has(i) && wanted(this.#donated.get(i)) ? [v] : []));
    const own = to((place) => place !== undefined && places.includes(place));
    return own.length > 0 ? own : to((place) => place === undefined);
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
