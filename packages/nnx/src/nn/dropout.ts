/** Dropout: sets random elements to zero during training. */
import * as jax from "jaxscale";
import { Module } from "../module.ts";
import { RngStream, Rngs } from "../rngs.ts";

/** Options of a `Dropout`. */
export interface DropoutOptions {
  /** Whether to return inputs unchanged; false if absent. `model.eval()` and `model.train()` set it. */
  readonly deterministic?: boolean;
  /** Axes along which the dropout mask is broadcast. */
  readonly broadcastDims?: readonly number[];
  /** Random stream of the dropout keys. */
  readonly rngCollection?: string;
  readonly rngs?: Rngs | RngStream | null;
}
/** Options of one call of `Dropout`. */
export interface DropoutCallOptions {
  readonly deterministic?: boolean;
  readonly rngs?: Rngs | RngStream | jax.random.Key;
}

/** Dropout: sets each element to 0 with probability `rate`, and divides the others by `1 − rate`. */
export class Dropout extends Module {
  readonly rate: number;
  readonly broadcastDims: readonly number[];
  readonly rngCollection: string;
  deterministic: boolean;
  readonly rngs: RngStream | null;

  constructor(rate: number, options: DropoutOptions = {}) {
    super();
    const { deterministic = false, broadcastDims = [], rngCollection = "dropout", rngs = null } = options;
    this.rate = rate;
    this.broadcastDims = broadcastDims;
    this.rngCollection = rngCollection;
    this.deterministic = deterministic;
    this.rngs = rngs instanceof Rngs ? rngs.stream(rngCollection).fork() : (rngs?.fork() ?? null);
  }

  /**
   * Sets elements to 0 with probability `rate` and divides the others by 1 - rate; returns x if deterministic.
   * @throws TypeError if a key is needed and there is no random stream
   */
  call(x: jax.Array, { deterministic = this.deterministic, rngs }: DropoutCallOptions = {}): jax.Array {
    if (deterministic || this.rate === 0) return x;
    // Dividing by 0 would make gradients NaN.
    if (this.rate === 1) return jax.numpy.zerosLike(x);
    const keep = 1 - this.rate;
    const shape = x.shape.map((size, axis) =>
      this.broadcastDims.some((dim) => (dim < 0 ? dim + x.ndim : dim) === axis) ? 1 : size,
    );
    const mask = jax.random.bernoulli(keyFrom(rngs ?? this.rngs, this.rngCollection), keep, shape);
    return jax.lax.select(jax.numpy.broadcastTo(mask, x.shape), x.div(keep), jax.numpy.zerosLike(x));
  }
}

function keyFrom(source: DropoutCallOptions["rngs"] | null, collection: string): jax.random.Key {
  if (source instanceof Rngs) return source.key(collection);
  if (source instanceof RngStream) return source.next();
  if (source) return source;
  throw new TypeError(
    "Dropout: without deterministic there must be a random stream; got none in new Dropout(rate, { rngs }) nor in call(x, { rngs })",
  );
}
