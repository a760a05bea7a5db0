/** Folds over devices that do not wait for each other, as one: what is sent together pays the latency once. */
import { itemSizeBytes } from "../base/dtypes.ts";
import { sizeOf } from "../base/shapes.ts";
import type { Atom, ClosedJaxpr, JaxprEqn } from "../jaxpr/ir.ts";
import { isPure, rulesOf } from "../primitives/primitive.ts";

/** Operands above this take so long to send that latency does not count. */
const maxMergedBytes = 32 << 20;

/**
 * Equations between two folds that need neither go before, those that need the first behind the second. What has an effect stays
 * where it is, and so divides the program.
 */
export function mergeFolds(closed: ClosedJaxpr): ClosedJaxpr {
  const { jaxpr, consts } = closed;
  const run = new Run();
  const eqns = [...jaxpr.eqns.flatMap((eqn) => run.add(eqn)), ...run.end()];
  return eqns.length === jaxpr.eqns.length ? closed : { jaxpr: { ...jaxpr, eqns }, consts };
}

/** Equations from one that waits for nothing to the next fold that waits for one of them. */
class Run {
  #eqns: JaxprEqn[] = [];
  #folds = new Map<string, JaxprEqn[]>();
  /** What waits for a fold of the run. */
  readonly #waiting = new Set<Atom>();

  /** Equations that are done with. */
  add(eqn: JaxprEqn): readonly JaxprEqn[] {
    const waits = eqn.inputs.some((atom) => this.#waiting.has(atom));
    const isFold = rulesOf(eqn.primitive).folds !== undefined;
    const ended = (isFold && waits) || !isPure(eqn) ? this.end() : [];
    this.#eqns.push(eqn);
    if (isFold) this.#join(eqn);
    if (isFold || (waits && ended.length === 0)) for (const output of eqn.outputs) this.#waiting.add(output);
    return ended;
  }

  #join(eqn: JaxprEqn): void {
    const axes = eqn.params.axes as readonly string[];
    const key = `${eqn.primitive.name} ${[...axes].sort()}`;
    const alike = this.#folds.get(key) ?? [];
    const size = [...alike, eqn].reduce((n, { inputs }) => n + bytesOf(inputs), 0);
    if (size <= maxMergedBytes) this.#folds.set(key, [...alike, eqn]);
  }

  end(): readonly JaxprEqn[] {
    const merged = [...this.#folds.values()].filter((folds) => folds.length > 1);
    const eqns = merged.length === 0 ? this.#eqns : this.#reordered(merged);
    this.#eqns = [];
    this.#folds = new Map();
    this.#waiting.clear();
    return eqns;
  }

  #reordered(merged: readonly (readonly JaxprEqn[])[]): readonly JaxprEqn[] {
    const gone = new Set(merged.flat());
    const waits = ({ inputs }: JaxprEqn): boolean => inputs.some((atom) => this.#waiting.has(atom));
    const first = this.#eqns.filter((eqn) => !gone.has(eqn) && !waits(eqn));
    const last = this.#eqns.filter((eqn) => !gone.has(eqn) && waits(eqn));
    const together = merged.map((folds) => ({
      ...folds[0],
      inputs: folds.flatMap((fold) => fold.inputs),
      outputs: folds.flatMap((fold) => fold.outputs),
    }));
    return [...first, ...together, ...last];
  }
}

const bytesOf = (atoms: readonly Atom[]): number =>
  atoms.reduce((n, { aval: { shape, dtype } }) => n + sizeOf(shape) * itemSizeBytes(dtype), 0);
