/** Tokens for which a bfloat16 run chooses other experts than float32, so that their values differ legitimately. */
import type { Running } from "./tensor.ts";

export interface Flips {
  /** Excluded tokens. */
  readonly count: number;
  leftOut(row: number, index: number): boolean;
  /** For the tensor of a layer's choices: mask of those that must equal the reference. */
  clearIn(name: string): (row: number, index: number) => boolean;
}

// Between the last expert chosen and the first one not chosen; noise in bfloat16 is about a third of it.
const clearGap = 0.02;

/**
 * A choice may differ if the float32 scores of the last expert chosen and the first one not chosen are close. From that layer
 * on the token is excluded; so are later tokens, which attend to it, unless the bfloat16 run of the reference attended to such
 * a token too.
 */
export async function findFlips(running: Running): Promise<Flips> {
  const { columns } = running;
  const own = columns.map(() => new Set<number>());
  const theirs = columns.map(() => new Set<number>());
  const clear = new Map<string, readonly ReadonlySet<number>[]>();
  for (const layer of await choicesOf(running)) {
    const { differs, otherDiffers, gap } = layer;
    columns.forEach((row, b) => {
      row.forEach((_, index) => {
        if (otherDiffers(b, index)) theirs[b].add(index);
        if (differs(b, index) && gap(b, index) < clearGap) own[b].add(index);
      });
      const first = Math.min(...own[b]);
      const isShown = Math.min(...theirs[b]) <= first;
      if (!isShown) for (let later = first + 1; later < row.length; later++) own[b].add(later);
    });
    clear.set(
      layer.name,
      own.map((set) => new Set(set)),
    );
  }
  const leftOut = (b: number, index: number): boolean => own[b].has(index) || theirs[b].has(index);
  return {
    count: columns.reduce((sum, row, b) => sum + row.filter((_, index) => leftOut(b, index)).length, 0),
    leftOut,
    clearIn: (name) => (b, index) => !clear.get(name)?.[b].has(index),
  };
}

interface Choices {
  readonly name: string;
  /** Whether the experts of the model, and those of the reference in bfloat16, differ from those of the reference in float32. */
  readonly differs: (row: number, index: number) => boolean;
  readonly otherDiffers: (row: number, index: number) => boolean;
  readonly gap: (row: number, index: number) => number;
}

async function choicesOf({ golden, one, columns, values }: Running): Promise<Choices[]> {
  const layers: Choices[] = [];
  const layerOf = (name: string): number => Number(/\d+/.exec(name)?.[0] ?? 0);
  const names = one.tensors.filter((name) => name.endsWith("expert_ids") && values[name]);
  for (const name of names.sort((a, b) => layerOf(a) - layerOf(b))) {
    const expected = await golden.read(one, name);
    const other = (await golden.readBfloat16(one, name)) ?? expected;
    const actual = await values[name].data();
    const gapName = name.replace(/expert_ids$/, "routing_gap");
    const gaps = one.tensors.includes(gapName) ? (await golden.read(one, gapName)).values : undefined;
    const [, width, k] = expected.shape;
    const differ = (list: ArrayLike<number>, at: number, b: number, index: number): boolean =>
      Array.from({ length: k }, (_, i) => i).some(
        (i) => list[(b * width + at) * k + i] !== expected.values[(b * width + columns[b][index]) * k + i],
      );
    layers.push({
      name,
      differs: (b, index) => differ(actual, index, b, index),
      otherDiffers: (b, index) => differ(other.values, columns[b][index], b, index),
      gap: (b, index) => gaps?.[b * width + columns[b][index]] ?? Number.POSITIVE_INFINITY,
    });
  }
  return layers;
}
