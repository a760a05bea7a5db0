/** How many 32-bit registers an invocation needs: the most words that are live at once, by last uses in program order. */

import { ruleOf } from "../kernel/grammar.ts";
import type { Block, Kernel, Statement, Value, Variable } from "../kernel/ir.ts";
import { laneCount, scalarOf } from "../kernel/ir.ts";

type Held = Value | Variable;

/** For addresses, descriptors and ids that the IR does not show. */
const overhead = 8;

/** Other names of what a register holds already. */
const aliases: ReadonlySet<string> = new Set(["lane", "assume", "bitcast", "get"]);

/** An estimate: drivers schedule loads earlier, which takes more, and compute some values anew, which takes fewer. */
export const registersOf = (kernel: Kernel): number => overhead + new Liveness().mostLive(kernel.body);

interface Lifetime {
  readonly from: number;
  until: number;
  readonly words: number;
}

class Liveness {
  readonly #lifetimes = new Map<Held, Lifetime>();
  /** Beginnings of the loops around the statement at hand. */
  readonly #loops: { readonly from: number; readonly used: Set<Held> }[] = [];
  #position = 0;

  mostLive(body: Block): number {
    this.#block(body);
    const changes = new Float64Array(this.#position + 2);
    for (const { from, until, words } of this.#lifetimes.values()) {
      changes[from] += words;
      changes[until + 1] -= words;
    }
    let live = 0;
    let most = 0;
    for (const change of changes) {
      live += change;
      most = Math.max(most, live);
    }
    return most;
  }

  #block(block: Block): void {
    for (const s of block.statements) this.#statement(s);
  }

  #statement(s: Statement): void {
    this.#position++;
    switch (s.kind) {
      case "let":
        for (const v of s.value.args) this.#use(v);
        if (s.value.op === "get") this.#use(s.value);
        if (!aliases.has(s.value.op)) this.#define(s.value);
        return;
      case "declare":
        this.#use(s.initial);
        return this.#define(s.variable);
      case "assign":
        this.#use(s.value);
        return this.#touch(s.variable);
      case "store":
      case "storeShared":
        this.#use(s.index);
        return this.#use(s.value);
      case "for":
        for (const v of [s.start, s.end, s.step]) this.#use(v);
        this.#define(s.index);
        return this.#loop(() => {
          this.#block(s.body);
          for (const v of [s.index, s.end, s.step]) this.#use(v);
        });
      case "while":
        return this.#loop(() => {
          this.#block(s.condition);
          this.#use(s.test);
          this.#block(s.body);
        });
      case "if":
        this.#use(s.condition);
        this.#block(s.then);
        return this.#block(s.otherwise);
      case "barrier":
        return;
    }
  }

  /** What is used in a loop and older than it stays until its last iteration ends. */
  #loop(body: () => void): void {
    const loop = { from: this.#position, used: new Set<Held>() };
    this.#loops.push(loop);
    body();
    this.#loops.pop();
    for (const held of loop.used) this.#touch(held);
  }

  #define(held: Held): void {
    const scalar = scalarOf(held.type);
    const words = scalar === "bool" ? 0 : laneCount(held.type);
    this.#lifetimes.set(held, { from: this.#position, until: this.#position, words });
  }

  #use(v: Value): void {
    if (v.op === "get") return this.#touch(v.attr as Variable);
    if (aliases.has(v.op)) {
      for (const a of v.args) this.#use(a);
      return;
    }
    if (!ruleOf(v.op).free || v.op === "loopIndex") this.#touch(v);
  }

  #touch(held: Held): void {
    const lifetime = this.#lifetimes.get(held);
    if (!lifetime) return;
    lifetime.until = this.#position;
    for (const { from, used } of this.#loops) if (lifetime.from <= from) used.add(held);
  }
}
