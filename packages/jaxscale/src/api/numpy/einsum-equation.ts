/** Einsum's equations: reading them, and choosing the order in which operands are contracted. */

import { describe } from "../../base/describe.ts";
import { ShapeError } from "../../base/errors.ts";
import type { Shape } from "../../base/shapes.ts";

/** Labels, one a letter, of each operand's axes and of the result's. */
export interface EinsumEquation {
  readonly operands: readonly string[];
  readonly result: string;
  readonly sizes: ReadonlyMap<string, number>;
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/**
 * @throws ShapeError for text that is no equation, or shapes that do not fit it
 */
export function parseEquation(subscripts: string, shapes: readonly Shape[]): EinsumEquation {
  if (typeof subscripts !== "string")
    throw new TypeError(`einsum: the equation must be text such as "ij,jk->ik"; got ${describe(subscripts)}`);
  const text = subscripts.replaceAll(" ", "");
  const [left, right, ...more] = text.split("->");
  const terms = left.split(",");
  const fail = (rule: string, got: string): never => {
    throw new ShapeError(`einsum: ${rule}; got ${got}`);
  };
  if (more.length > 0) fail('an equation must have at most one "->"', `"${subscripts}"`);
  for (const term of [...terms, ...(right === undefined ? [] : [right])])
    if (!/^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(term)) fail('a term must be letters and at most one "..."', `"${term}"`);
  if (terms.length !== shapes.length) fail(`"${subscripts}" takes ${terms.length} operands`, String(shapes.length));

  // Axes under "..." get letters that the equation does not use, counted from the last.
  const unused = [...letters].filter((letter) => !text.includes(letter));
  const hidden = terms.map((term, i) => (term.includes("...") ? shapes[i].length - (term.length - 3) : 0));
  const most = Math.max(0, ...hidden);
  if (most > unused.length) fail('there must be letters left for the axes under "..."', `${most} axes`);
  const dots = unused.slice(0, most).join("");
  const operands = terms.map((term, i) => {
    if (hidden[i] < 0 || (!term.includes("...") && term.length !== shapes[i].length))
      fail(`term "${term}" of operand ${i} names ${term.replace("...", "").length} axes`, `shape [${shapes[i]}]`);
    return term.replace("...", dots.slice(most - hidden[i]));
  });
  const result = right === undefined ? implicitResult(operands, dots) : right.replace("...", dots);
  const all = operands.join("");
  for (const label of result) {
    if (!all.includes(label)) fail(`label "${label}" of the result must be one of the operands'`, `"${subscripts}"`);
    if (result.indexOf(label) !== result.lastIndexOf(label))
      fail(`label "${label}" must appear once in the result`, `"${subscripts}"`);
  }
  return { operands, result, sizes: sizesOf(operands, shapes) };
}

/** Without "->": the hidden axes, then the labels that occur once, in the order of the alphabet (capitals first). */
function implicitResult(operands: readonly string[], dots: string): string {
  const all = operands.join("");
  const once = [...new Set(all)].filter(
    (label) => !dots.includes(label) && all.indexOf(label) === all.lastIndexOf(label),
  );
  return dots + once.sort().join("");
}

function sizesOf(operands: readonly string[], shapes: readonly Shape[]): Map<string, number> {
  const sizes = new Map<string, number>();
  operands.forEach((labels, i) => {
    [...labels].forEach((label, axis) => {
      const size = shapes[i][axis];
      if (size !== shapes[i][labels.indexOf(label)])
        throw new ShapeError(
          `einsum: axes of one label in a term must have one size; got "${labels}" for shape [${shapes[i]}]`,
        );
      const known = sizes.get(label) ?? 1;
      if (known !== 1 && size !== 1 && size !== known)
        throw new ShapeError(
          `einsum: sizes of label "${label}" must agree or be 1; got ${size} of operand ${i}, ${known} of those before`,
        );
      sizes.set(label, known === 1 ? size : known);
    });
  });
  return sizes;
}

// ---- order --------------------------------------------------------------------

/** Positions among the operands that are left; the product is put behind the others. */
export type Pair = readonly [number, number];
type Labels = ReadonlySet<string>;

/** Up to here every order is tried; beyond it the next pair is the cheapest at hand. */
const mostTried = 5;

/**
 * The order with the fewest operations (exact for up to five operands, else greedy), as pairs to contract.
 * @see https://optimized-einsum.readthedocs.io/en/stable/
 */
export function contractionOrder({ operands, result, sizes }: EinsumEquation): Pair[] {
  const labels = operands.map((term): Labels => new Set(term));
  return (operands.length <= mostTried ? bestOrder : greedyOrder)(labels, new Set(result), sizes);
}

interface Step {
  readonly left: readonly Labels[];
  readonly flops: number;
  /** Growth of memory: size of the product less those of its operands. */
  readonly growth: number;
}

const sizeOfLabels = (labels: Iterable<string>, sizes: ReadonlyMap<string, number>): number => {
  let size = 1;
  for (const label of labels) size *= sizes.get(label) ?? 1;
  return size;
};

function contractPair(
  terms: readonly Labels[],
  [i, j]: Pair,
  result: Labels,
  sizes: ReadonlyMap<string, number>,
): Step {
  const rest = terms.filter((_, k) => k !== i && k !== j);
  const involved = new Set([...terms[i], ...terms[j]]);
  const kept = new Set([...involved].filter((label) => result.has(label) || rest.some((term) => term.has(label))));
  const size = sizeOfLabels(kept, sizes);
  return {
    left: [...rest, kept],
    flops: sizeOfLabels(involved, sizes) * (kept.size < involved.size ? 2 : 1),
    growth: size - sizeOfLabels(terms[i], sizes) - sizeOfLabels(terms[j], sizes),
  };
}

const pairsOf = (count: number): Pair[] =>
  Array.from({ length: count }, (_, i) => Array.from({ length: count - i - 1 }, (_, j): Pair => [i, i + 1 + j])).flat();

function bestOrder(terms: readonly Labels[], result: Labels, sizes: ReadonlyMap<string, number>): Pair[] {
  let best: { readonly flops: number; readonly order: Pair[] } = { flops: Number.POSITIVE_INFINITY, order: [] };
  const search = (left: readonly Labels[], flops: number, order: Pair[]): void => {
    if (flops >= best.flops) return;
    if (left.length < 2) {
      best = { flops, order };
      return;
    }
    for (const pair of pairsOf(left.length)) {
      const step = contractPair(left, pair, result, sizes);
      search(step.left, flops + step.flops, [...order, pair]);
    }
  };
  search(terms, 0, []);
  return best.order;
}

function greedyOrder(terms: readonly Labels[], result: Labels, sizes: ReadonlyMap<string, number>): Pair[] {
  const order: Pair[] = [];
  for (let left = terms; left.length > 1; ) {
    // Pairs without a common label are outer products: only when nothing else is left.
    const pairs = pairsOf(left.length);
    const related = pairs.filter(([i, j]) => [...left[i]].some((label) => left[j].has(label)));
    const steps = (related.length > 0 ? related : pairs).map((pair) => ({
      pair,
      ...contractPair(left, pair, result, sizes),
    }));
    const next = steps.reduce((a, b) => (b.growth < a.growth || (b.growth === a.growth && b.flops < a.flops) ? b : a));
    order.push(next.pair);
    left = next.left;
  }
  return order;
}
