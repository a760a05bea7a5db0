/** Which result takes the memory of which donated argument: the one at the same place of the tree. */
import { formatKeyPath, type KeyPath } from "../base/pytree.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";

/** A leaf of a tree. */
export interface Leaf {
  readonly path: KeyPath;
  readonly aval: ShapedArray;
}

export interface DonatedArgument {
  /** Position in the call. */
  readonly position: number;
  /** By their position among all leaves of the arguments; paths within the argument. */
  readonly leaves: ReadonlyMap<number, Leaf>;
  /** The element of the result that the user names. */
  readonly to?: number;
}

/** Results of some part of the result's tree, by their path in it. */
type Part = ReadonlyMap<string, number>;

/** Shape and dtype, which memory is reused for. */
export const typeOf = ({ shape, dtype }: ShapedArray): string => formatAval({ shape, dtype, weakType: false });

/**
 * Results by the donated leaf whose memory they take. An argument's tree is looked for as the whole result, if it alone is
 * donated; as the element of the result at the argument's position, or at its position among the donated ones; as the only
 * element that has all of its leaves. The place where most of its leaves have their type is taken, leaf by leaf.
 */
export function pairByPlace(
  donated: readonly DonatedArgument[],
  results: readonly Leaf[],
): ReadonlyMap<number, number> {
  const pairs = new Map<number, number>();
  const taken = new Set<number>();
  const whole: Part = new Map(results.map(({ path }, i) => [formatKeyPath(path), i]));
  const elements = elementsOf(results);
  donated.forEach(({ position, leaves, to }, rank) => {
    const matchesIn = (part: Part): readonly (readonly [number, number])[] =>
      [...leaves].flatMap(([index, { path, aval }]) => {
        const result = part.get(formatKeyPath(path));
        const fits = result !== undefined && !taken.has(result) && typeOf(results[result].aval) === typeOf(aval);
        return fits ? [[index, result] as const] : [];
      });
    const complete = [...elements.values()].filter((part) => matchesIn(part).length === leaves.size);
    const at = (i: number): Part => elements.get(formatKeyPath([{ kind: "index", index: i }])) ?? new Map();
    const places =
      to === undefined
        ? [
            ...(donated.length === 1 || whole.has("") ? [whole] : []),
            at(position),
            at(rank),
            ...(complete.length === 1 ? complete : []),
          ]
        : [at(to)];
    const best = places.map(matchesIn).reduce((most, found) => (found.length > most.length ? found : most), []);
    for (const [index, result] of best) {
      pairs.set(index, result);
      taken.add(result);
    }
  });
  return pairs;
}

/** The parts that the first steps of paths lead to. */
function elementsOf(results: readonly Leaf[]): ReadonlyMap<string, Part> {
  const elements = new Map<string, Map<string, number>>();
  results.forEach(({ path: [first, ...rest] }, i) => {
    if (first === undefined) return;
    const key = formatKeyPath([first]);
    const part = elements.get(key) ?? new Map<string, number>();
    elements.set(key, part.set(formatKeyPath(rest), i));
  });
  return elements;
}
