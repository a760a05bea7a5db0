/** Creates, splits and folds random keys. */
import { isInteger } from "../../base/dtypes.ts";
import { DTypeError, ShapeError } from "../../base/errors.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { randomFoldIn, randomSeed, randomSplit } from "../../primitives/random.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { wholesOf } from "../arguments.ts";
import { convertTo } from "../lax/convert.ts";
import * as lax from "../lax/index.ts";
import { type Key, KeyArray, sameKind, singleKey, wordsOf } from "./key-array.ts";

/** An integer modulo 2³² as a scalar. @throws DTypeError, ShapeError */
function scalarInteger(op: string, what: string, x: ArrayLike, dtype: "int32" | "uint32"): Array {
  if (typeof x === "number") {
    if (!Number.isInteger(x)) throw new DTypeError(`${op}: ${what} must be an integer; got ${x}`);
    // Remainders of numbers up to 2⁵³ are exact.
    const word = ((x % 2 ** 32) + 2 ** 32) % 2 ** 32;
    return scalarOf(dtype === "int32" ? word | 0 : word, dtype);
  }
  const operand = asArray(op, x);
  if (!isInteger(operand.dtype))
    throw new DTypeError(`${op}: ${what} must be an integer; got ${formatAval(operand.aval)}`);
  if (operand.ndim !== 0)
    throw new ShapeError(`${op}: ${what} must be a scalar; got ${formatAval(operand.aval)}. Use vmap`);
  return operand.dtype === "int32" && dtype === "int32" ? operand : convertTo(operand, "uint32", false);
}

const seeded = (op: string, seed: ArrayLike): Array =>
  bind1(randomSeed, [scalarInteger(op, "the seed", seed, "int32")], {});

/** Creates a key from an integer modulo 2³². @throws DTypeError, ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.random.key.html */
export const key = (seed: ArrayLike): KeyArray => new KeyArray(seeded("random.key", seed));

/** As `key`, as a raw uint32[2]. @see https://docs.jax.dev/en/latest/_autosummary/jax.random.PRNGKey.html */
export const prngKey = (seed: ArrayLike): Array => seeded("random.prngKey", seed);

/** The words of keys, uint32 `[..., 2]`. @see https://docs.jax.dev/en/latest/_autosummary/jax.random.key_data.html */
export const keyData = (keys: Key): Array => wordsOf("random.keyData", keys);

/** Creates keys from words, uint32 `[..., 2]`. @throws DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.random.wrap_key_data.html */
export const wrapKeyData = (data: Array): KeyArray => new KeyArray(wordsOf("random.wrapKeyData", data));

/** Two words of a key as raw keys, for use within the library. */
export function splitWords(words: Array, count = 2): Array[] {
  const keys = bind1(randomSplit, [words], { shape: [count] });
  return globalThis.Array.from({ length: count }, (_, i) => lax.indexInDim(keys, i, { keepdims: false }));
}

/**
 * Splits a key into new, independent keys of the same kind; `num` is their number or shape.
 * `const [a, b] = random.split(key)`
 * @throws DTypeError, ShapeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.random.split.html
 */
export function split<K extends Key>(key: K, num: number | readonly number[] = 2): K {
  const words = singleKey("random.split", key);
  return sameKind(key, bind1(randomSplit, [words], { shape: [...wholesOf("random.split", "num", num)] }));
}

/** A new key that depends on an integer. @throws DTypeError, ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.random.fold_in.html */
export function foldIn<K extends Key>(key: K, data: ArrayLike): K {
  const words = singleKey("random.foldIn", key);
  return sameKind(key, bind1(randomFoldIn, [words, scalarInteger("random.foldIn", "data", data, "uint32")], {}));
}
