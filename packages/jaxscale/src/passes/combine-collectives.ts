/** Fewer collectives, and ones that send less, in the program of one device. */
import { type Atom, type ClosedJaxpr, type JaxprEqn, newVar, type Params, type Var } from "../jaxpr/ir.ts";
import { type PartOf, primitiveNamed, rulesOf } from "../primitives/primitive.ts";
import { eliminateCommonSubexpressions } from "./eliminate-common-subexpressions.ts";
import { eliminateDeadCode } from "./eliminate-dead-code.ts";
import { mergeFolds } from "./merge-folds.ts";

/**
 * A sum of sums over devices is one, of what each device has of it; the own part of a sum is what a reduce-scatter gives; the own
 * part of what was gathered was there; what is gathered twice is gathered once. Then folds that do not wait for each other are one.
 */
export const combineCollectives = (closed: ClosedJaxpr): ClosedJaxpr =>
  mergeFolds(eliminateDeadCode(rewritten(eliminateCommonSubexpressions(closed))));

function rewritten(closed: ClosedJaxpr): ClosedJaxpr {
  const { jaxpr, consts } = closed;
  const program = new Rewriting(jaxpr);
  for (const original of jaxpr.eqns) {
    const eqn = { ...original, inputs: original.inputs.map(program.current) };
    if (!sumOfSums(eqn, program) && !partOfCollective(eqn, program)) program.add(eqn);
  }
  return { jaxpr: { ...jaxpr, eqns: program.equations, outvars: jaxpr.outvars.map(program.current) }, consts };
}

/** Equations as they are replaced, front to back. */
class Rewriting {
  readonly #eqns: (JaxprEqn | undefined)[] = [];
  readonly #places = new Map<Atom, number>();
  readonly #reads = new Map<Atom, number>();
  readonly #names = new Map<Atom, Atom>();

  constructor({ eqns, outvars }: ClosedJaxpr["jaxpr"]) {
    for (const atom of [...eqns.flatMap((eqn) => eqn.inputs), ...outvars])
      this.#reads.set(atom, (this.#reads.get(atom) ?? 0) + 1);
  }

  get equations(): readonly JaxprEqn[] {
    return this.#eqns.filter((eqn) => eqn !== undefined);
  }
  readonly current = (atom: Atom): Atom => this.#names.get(atom) ?? atom;

  add(eqn: JaxprEqn): void {
    const place = this.#eqns.push(eqn) - 1;
    for (const output of eqn.outputs) this.#places.set(output, place);
  }
  /** From here on an atom stands for a result. */
  replace(result: Var, atom: Atom): void {
    this.#names.set(result, atom);
    this.#reads.set(atom, (this.#reads.get(atom) ?? 0) + (this.#reads.get(result) ?? 0));
  }
  remove(eqn: JaxprEqn): void {
    this.#eqns[this.#places.get(eqn.outputs[0]) as number] = undefined;
  }

  makerOf(atom: Atom): JaxprEqn | undefined {
    const place = this.#places.get(atom);
    return place === undefined ? undefined : this.#eqns[place];
  }
  /** The equation of a value, if it makes nothing else and nothing else reads that. */
  onlyMakerOf(atom: Atom): JaxprEqn | undefined {
    const maker = this.#reads.get(atom) === 1 ? this.makerOf(atom) : undefined;
    return maker?.outputs.length === 1 ? maker : undefined;
  }

  /** Adds an equation for `reader`, its one reader unless `output` says whose result it makes. */
  bind(name: string, inputs: readonly Atom[], params: Params, { source }: JaxprEqn, output?: Var): Var {
    const primitive = primitiveNamed(name);
    const avals = inputs.map((atom) => atom.aval);
    const made = output ?? newVar(primitive.abstractEval(avals, params)[0]);
    if (!output) this.#reads.set(made, 1);
    this.add({ primitive, inputs, outputs: [made], params, source });
    return made;
  }
}

/** `psum(a) + psum(b)` as `psum(a + b)`. */
function sumOfSums(eqn: JaxprEqn, program: Rewriting): boolean {
  if (!rulesOf(eqn.primitive).additive) return false;
  const sums = eqn.inputs.map((atom) => program.onlyMakerOf(atom));
  const [left, right] = sums;
  if (!left || !right || !sums.every((sum) => sum && rulesOf(sum.primitive).folds === "add")) return false;
  if (axesOf(left) !== axesOf(right)) return false;
  for (const sum of [left, right]) program.remove(sum);
  const parts = program.bind(eqn.primitive.name, [left.inputs[0], right.inputs[0]], eqn.params, eqn);
  program.bind(left.primitive.name, [parts], left.params, eqn, eqn.outputs[0]);
  return true;
}

const axesOf = ({ params }: JaxprEqn): string => [...(params.axes as readonly string[])].sort().join();

/** The own part of a sum over devices, or a part and a whole that undo each other, also behind work element by element. */
function partOfCollective(eqn: JaxprEqn, program: Rewriting): boolean {
  const { partOf, wholeOf } = rulesOf(eqn.primitive);
  const [part, whole] = [partOf?.(eqn.params), wholeOf?.(eqn.params)];
  if (!part && !whole) return false;
  const pointwise: JaxprEqn[] = [];
  let maker = program.makerOf(eqn.inputs[0]);
  for (let at = maker; at && isPointwise(at); at = maker) {
    if (program.onlyMakerOf(at.outputs[0]) === undefined) return false;
    pointwise.unshift(at);
    maker = program.makerOf(at.inputs[0]);
  }
  if (!maker) return false;
  const made = rulesOf(maker.primitive);
  const isUndone = isSame(part, made.wholeOf?.(maker.params)) || isSame(whole, made.partOf?.(maker.params));
  const sum = isUndone || !part ? undefined : sumOf(maker, part, program);
  if (!isUndone && !sum) return false;
  for (const gone of sum ? [maker, ...pointwise] : pointwise) program.remove(gone);
  let value: Atom = maker.inputs[0];
  const steps = [...(sum ?? []), ...pointwise.map(({ primitive, params }) => ({ name: primitive.name, params }))];
  steps.forEach(({ name, params }, i) => {
    value = program.bind(name, [value], params, eqn, i === steps.length - 1 ? eqn.outputs[0] : undefined);
  });
  if (steps.length === 0) program.replace(eqn.outputs[0], value);
  return true;
}

const isSame = (a: PartOf | undefined, b: PartOf | undefined): boolean =>
  a !== undefined && a.dimension === b?.dimension && a.axes.join() === b.axes.join();

/** Each device's part of a sum, which moves half the bytes, then what is left of the sum. */
function sumOf(
  maker: JaxprEqn,
  part: PartOf,
  program: Rewriting,
): readonly { readonly name: string; readonly params: Params }[] | undefined {
  const { scattered } = rulesOf(maker.primitive);
  const axes = maker.params.axes as readonly string[];
  const [own] = part.axes;
  if (!scattered || !program.onlyMakerOf(maker.outputs[0]) || !axes.includes(own)) return undefined;
  const rest = axes.filter((name) => name !== own);
  const first = { name: scattered, params: { ...part, tiled: true } };
  return rest.length === 0 ? [first] : [first, { name: maker.primitive.name, params: { ...maker.params, axes: rest } }];
}

/** Whether an element of the result depends on that of the one operand, in a way that does not know of sizes. */
function isPointwise({ primitive, inputs, outputs, params }: JaxprEqn): boolean {
  if (inputs.length !== 1 || outputs.length !== 1) return false;
  const { lowering, localParams, sharding } = rulesOf(primitive);
  if (lowering.kind !== "map" || localParams) return false;
  const rule = sharding({ params, inputs: [inputs[0].aval], outputs: [outputs[0].aval] });
  return (
    `${rule.operands[0].map(String)}` === `${rule.results[0].map(String)}` &&
    Object.values(rule.factors).every(({ kind }) => kind === "parallel")
  );
}
