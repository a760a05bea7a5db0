/** Rotary position embeddings: pairs of dimensions are rotated by angles proportional to the position. */
import * as jax from "jaxscale";

/** How the dimensions of a head are paired: neighbours, or the two halves. */
export type Pairing = "interleaved" | "halves";

/** Settings of rotary embeddings: the rotated dimensions and their angles. */
export interface RopeSettings {
  readonly theta: number;
  /** Dimensions of a head, of which the first `rotaryDim` are rotated. */
  readonly headDim: number;
  readonly rotaryDim: number;
  readonly pairing: Pairing;
}

/** Angles of a step, float32 `[B,T,1,headDim/2]`: for all heads the same. */
export interface Rotation {
  readonly cos: jax.Array;
  readonly sin: jax.Array;
  readonly settings: RopeSettings;
}

/** theta^(−2j / rotaryDim) of each rotated pair. */
export const inverseFrequencies = ({ theta, rotaryDim }: RopeSettings): number[] =>
  Array.from({ length: rotaryDim / 2 }, (_, j) => theta ** ((-2 * j) / rotaryDim));

/** angle[j] = position · theta^(−2j / rotaryDim) @param positions int32 `[B,T]` */
export function rotationAt(positions: jax.Array, settings: RopeSettings): Rotation {
  const inverse = inverseFrequencies(settings);
  // Pairs after the first rotaryDim / 2 have angle 0: they are unchanged.
  const frequencies = Array.from({ length: settings.headDim / 2 }, (_, j) => inverse[j] ?? 0);
  return jax.namedScope("rope", () => {
    const perHead = jax.numpy.expandDims(positions.astype("float32"), [2, 3]).mul(jax.numpy.array(frequencies));
    return { cos: jax.numpy.cos(perHead), sin: jax.numpy.sin(perHead), settings };
  });
}

/**
 * (a, b) → (a cos − b sin, b cos + a sin) for each pair, in place; float32 within, rounded once.
 * @param x `[B,T,heads,headDim]`
 */
export const rotate = (x: jax.Array, rotation: Rotation): jax.Array =>
  jax.namedScope("rope", () => rotated(x, rotation));

function rotated(x: jax.Array, { cos, sin, settings }: Rotation): jax.Array {
  const { pairing, headDim } = settings;
  const [pairAxis, shape] = pairing === "interleaved" ? [-1, [headDim / 2, 2]] : [-2, [2, headDim / 2]];
  const pairs = x.astype("float32").reshape(...x.shape.slice(0, -1), ...shape);
  const signs = jax.numpy.array([-1, 1], { dtype: "float32" });
  const turned = pairs.mul(jax.numpy.expandDims(cos, pairAxis)).add(
    jax.numpy
      .flip(pairs, pairAxis)
      .mul(jax.numpy.expandDims(sin, pairAxis))
      .mul(pairing === "interleaved" ? signs : signs.reshape(2, 1)),
  );
  return turned.reshape(x.shape).astype(x.dtype);
}

/** Rotated dimensions with the first of each pair before the second, as the reference writes them in latent attention. */
export function splitHalves(x: jax.Array, { pairing }: RopeSettings): jax.Array {
  if (pairing === "halves") return x;
  return x
    .reshape(...x.shape.slice(0, -1), -1, 2)
    .swapaxes(-1, -2)
    .reshape(x.shape);
}
