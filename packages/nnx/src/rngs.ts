/** Named streams of random keys: the n-th key of a stream is `foldIn(key(seed), n)`. */
import * as jax from "jaxscale";
import { attributeStore, Pytree } from "./pytree.ts";
import { RngCount, RngKey } from "./variable.ts";

/** A seed, a key, or a stream whose next key is used. */
export type RngSource = number | jax.random.Key | RngStream;

/** One random stream: each call of `next` returns a new key and increments the count. */
export class RngStream extends Pytree {
  readonly tag: string;
  readonly key: RngKey;
  readonly count: RngCount;

  constructor(source: RngSource, { tag }: { readonly tag: string }) {
    super();
    const key = keyFrom(source);
    this.tag = tag;
    this.key = new RngKey(key, { tag });
    this.count = new RngCount(noneTaken(key), { tag });
  }

  /**
   * Returns the next key (the key of the stream with the count folded in) and increments the count.
   * @throws TracerError within a transformation that the stream was not passed through
   */
  next(): jax.random.KeyArray {
    const count = this.count.get();
    const known = count.literal;
    // A count on the host needs no copy to and from the device.
    this.count.set(known === undefined ? count.add(1) : jax.numpy.array(known + 1, { dtype: "uint32" }));
    return jax.random.foldIn(this.key.get(), count);
  }

  /** Splits the stream into an array of streams, for `vmap`: `count` is their number or shape. */
  split(count: number | readonly number[]): RngStream {
    return new RngStream(jax.random.split(this.next(), count), { tag: this.tag });
  }
  /** Forks the stream: the new one starts from the next key. */
  fork(): RngStream {
    return new RngStream(this.next(), { tag: this.tag });
  }
}

/** The initial count of one stream, or of an array of streams. */
export const noneTaken = ({ shape }: jax.random.KeyArray): jax.Array =>
  shape.length === 0 ? jax.numpy.array(0, { dtype: "uint32" }) : jax.numpy.zeros(shape, { dtype: "uint32" });

function keyFrom(source: RngSource): jax.random.KeyArray {
  if (typeof source === "number") return jax.random.key(source);
  if (source instanceof RngStream) return source.key.get();
  return source instanceof jax.random.KeyArray ? source : jax.random.wrapKeyData(source);
}

const streamsOf = new WeakMap<Rngs, Record<string, RngStream>>();

/**
 * Random streams by name: `new Rngs(0)`, `new Rngs({ params: 0, dropout: 1 })`, `new Rngs(0, { params: 1 })`. A number alone
 * seeds the stream `default`, which replaces missing streams. A key depends on how many were taken before it,
 * so the weights of layers depend on the order of their construction.
 */
export class Rngs extends Pytree {
  constructor(
    source: RngSource | Readonly<Record<string, RngSource>>,
    named: Readonly<Record<string, RngSource>> = {},
  ) {
    super();
    const sources = isSource(source) ? { default: source, ...named } : { ...source, ...named };
    for (const [tag, from] of Object.entries(sources)) this[attributeStore][tag] = new RngStream(from, { tag });
  }

  get [attributeStore](): Record<string, RngStream> {
    let streams = streamsOf.get(this);
    if (streams === undefined) streamsOf.set(this, (streams = {}));
    return streams;
  }

  /** The next key of a stream. @throws TypeError if there is neither a stream of that name nor a default one */
  key(name = "default"): jax.random.KeyArray {
    return this.stream(name).next();
  }
  /** The next key for parameters. */
  params(): jax.random.KeyArray {
    return this.key("params");
  }
  /** The next key for dropout. */
  dropout(): jax.random.KeyArray {
    return this.key("dropout");
  }

  /** The stream of a name, or the default one. @throws TypeError if there is neither */
  stream(name: string): RngStream {
    const streams = this[attributeStore];
    const stream = streams[name] ?? streams.default;
    if (stream === undefined)
      throw new TypeError(
        `nnx.Rngs: a stream must have been seeded, or there be a default one; got ${name}, not one of ${this.names().join(", ")}`,
      );
    return stream;
  }
  /** Names of the streams. */
  names(): string[] {
    return Object.keys(this[attributeStore]);
  }

  /** Splits each stream into an array of streams, for `vmap`. */
  split(count: number | readonly number[]): Rngs {
    return eachOf(this, (stream) => stream.split(count));
  }
  /** Forks each stream: the new ones start from the next keys. */
  fork(): Rngs {
    return eachOf(this, (stream) => stream.fork());
  }
}

const isSource = (x: RngSource | Readonly<Record<string, RngSource>>): x is RngSource =>
  typeof x === "number" || x instanceof jax.Array || x instanceof jax.random.KeyArray || x instanceof RngStream;

const eachOf = (rngs: Rngs, f: (stream: RngStream) => RngStream): Rngs =>
  new Rngs(Object.fromEntries(Object.entries(rngs[attributeStore]).map(([tag, stream]) => [tag, f(stream)])));
