/**
 * The Threefry-2x32 block cipher with 20 rounds, on host numbers and in kernels.
 * @see https://doi.org/10.1145/2063384.2063405 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3)
 */
import type { KernelBuilder } from "../kernel/builder.ts";
import type { Value } from "../kernel/ir.ts";

const rotations = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;
const parity = 0x1bd11bda;
const groups = 5;

/** The arithmetic of u32 words that the cipher needs. */
interface Words<W> {
  readonly constant: (n: number) => W;
  readonly add: (a: W, b: W) => W;
  readonly xor: (a: W, b: W) => W;
  readonly rotateLeft: (x: W, bits: number) => W;
}

type Pair<W> = readonly [W, W];

function encrypt<W>({ constant, add, xor, rotateLeft }: Words<W>, key: Pair<W>, counter: Pair<W>): Pair<W> {
  const schedule = [key[0], key[1], xor(xor(key[0], key[1]), constant(parity))];
  let x = add(counter[0], schedule[0]);
  let y = add(counter[1], schedule[1]);
  for (let group = 0; group < groups; group++) {
    for (const bits of rotations[group % 2]) {
      x = add(x, y);
      y = xor(rotateLeft(y, bits), x);
    }
    x = add(x, schedule[(group + 1) % 3]);
    y = add(add(y, schedule[(group + 2) % 3]), constant(group + 1));
  }
  return [x, y];
}

const hostWords: Words<number> = {
  constant: (n) => n,
  add: (a, b) => (a + b) >>> 0,
  xor: (a, b) => (a ^ b) >>> 0,
  rotateLeft: (x, bits) => ((x << bits) | (x >>> (32 - bits))) >>> 0,
};

/** @returns two unsigned 32-bit numbers */
export const threefry = (key: Pair<number>, counter: Pair<number>): Pair<number> => encrypt(hostWords, key, counter);

/** @param key two u32 @param counter two u32 @returns two u32 */
export function threefryInKernel(k: KernelBuilder, key: Pair<Value>, counter: Pair<Value>): Pair<Value> {
  const words: Words<Value> = {
    constant: k.u32,
    add: k.add,
    xor: k.xor,
    rotateLeft: (x, bits) => k.or(k.shl(x, k.u32(bits)), k.shr(x, k.u32(32 - bits))),
  };
  return encrypt(words, key, counter);
}

/** Operations of one evaluation. */
export const threefryFlops = groups * 4 * 5 + groups * 3;
