/** Variables: the mutable values of a module, whose types filters select. */
import * as jax from "jaxscale";

type SpecEntry = jax.PartitionSpec["entries"][number];

/** Metadata of a Variable: static, and preserved by every transformation. */
export interface VariableMetadata {
  /** Mesh axes, or logical names, over which each dimension is sharded: see `getPartitionSpec`. */
  readonly outSharding?: readonly SpecEntry[];
  /** Mesh axes for logical names in `outSharding`. */
  readonly shardingRules?: readonly (readonly [logical: string, mesh: SpecEntry])[];
  /** The tag that string filters match, such as the name of a random stream. */
  readonly tag?: string;
  readonly [name: string]: unknown;
}

/** A value with metadata for the Variable created from it; initializers may return one. */
export class Annotated<T> {
  readonly value: T;
  readonly metadata: VariableMetadata;
  constructor(value: T, metadata: VariableMetadata) {
    this.value = value;
    this.metadata = metadata;
  }
}

const none: VariableMetadata = Object.freeze({});

/**
 * A mutable reference to a value: an array, or a tree of arrays. Array functions accept it in place of its value
 * (`x.dot(layer.kernel)`); array methods are on the value: `layer.kernel.get().sum()`. A pytree of one child.
 */
export class Variable<T = jax.Array> implements jax.ArrayHolder {
  declare readonly [jax.tree.leafType]?: jax.Array;
  #value: T;
  readonly #traceState = jax.core.getOpaqueTraceState();
  readonly metadata: VariableMetadata;

  /** @param metadata as in `new Param(x, { outSharding: ["x", null] })`; entries win over those of an annotated value */
  constructor(value: T | Annotated<T>, metadata?: VariableMetadata) {
    const annotated = value instanceof Annotated;
    this.#value = annotated ? value.value : value;
    this.metadata = annotated ? { ...value.metadata, ...metadata } : (metadata ?? none);
  }

  /** The value. */
  get(): T {
    return this.#value;
  }

  /**
   * Sets the value.
   * @throws TracerError inside a transformation, if the Variable was created outside: the update would be lost
   */
  set(value: T): void {
    if (jax.core.getOpaqueTraceState() !== this.#traceState)
      throw new jax.TracerError(
        `Variable.set: a Variable can be written only at the trace level that made it; got ${this} from another. Pass its module as an argument through nnx.jit, nnx.grad, nnx.vmap or nnx.scan, which write changes back`,
      );
    this.#value = value;
  }

  /** A Variable of the same kind and metadata with another value. */
  replace<U>(value: U, metadata: VariableMetadata = this.metadata): Variable<U> {
    return makeVariable(this.constructor as VariableClass, value, metadata) as Variable<U>;
  }

  get shape(): readonly number[] {
    return this.#described().shape;
  }
  get ndim(): number {
    return this.shape.length;
  }
  get dtype(): jax.DType {
    return this.#described().dtype;
  }
  get size(): number {
    return this.shape.reduce((a, b) => a * b, 1);
  }
  #described(): { readonly shape: readonly number[]; readonly dtype: jax.DType } {
    const value: unknown = this.#value;
    if (hasType(value)) return value;
    throw new TypeError(`${this.constructor.name}: only an array has a shape and a dtype; got ${this}`);
  }

  get [jax.heldArray](): jax.Array {
    const value: unknown = this.#value;
    if (value instanceof jax.Array) return value;
    throw new jax.DTypeError(`${this.constructor.name}: only one that holds an array stands for it; got ${this}`);
  }

  /** `Param(float32[3,4])` */
  toString(): string {
    return `${this.constructor.name}(${formatValue(this.#value)})`;
  }
  [Symbol.toPrimitive](): string {
    return this.toString();
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

export type VariableClass<T = unknown> = new (value: T, metadata?: VariableMetadata) => Variable<T>;

/** Creates a Variable without calling the constructor of its type, which may take other arguments. */
export const makeVariable = (
  type: VariableClass,
  value: unknown,
  metadata: VariableMetadata | null,
): Variable<unknown> => Reflect.construct(Variable, [value, metadata ?? none], type);

const hasType = (x: unknown): x is { readonly shape: readonly number[]; readonly dtype: jax.DType } =>
  typeof x === "object" && x !== null && "shape" in x && "dtype" in x;

/** `float32[3,4]` */
export const formatValue = (value: unknown): string =>
  hasType(value)
    ? `${value.dtype}[${value.shape.join(",")}]`
    : Array.isArray(value)
      ? `[${value.map(formatValue).join(", ")}]`
      : String(value);

jax.registerPytreeNode(Variable, {
  flatten: (variable: Variable<unknown>) => [
    [variable.get()],
    Object.keys(variable.metadata).length === 0 ? null : variable.metadata,
  ],
  unflatten: (metadata: VariableMetadata | null, [value], type) => makeVariable(type as VariableClass, value, metadata),
  names: () => ["value"],
});

/** A learnable parameter. */
export class Param<T = jax.Array> extends Variable<T> {}
/** A running statistic of batches. */
export class BatchStat<T = jax.Array> extends Variable<T> {}
/** A cache of earlier tokens for decoding. */
export class Cache<T = jax.Array> extends Variable<T> {}
/** Values that `sow` stores. */
export class Intermediate<T = jax.Array> extends Variable<T> {}
/** State of random streams. */
export class RngState<T = jax.Array> extends Variable<T> {}
/** The key of a random stream. */
export class RngKey extends RngState<jax.random.KeyArray> {}
/** The number of keys taken from a random stream. */
export class RngCount extends RngState {}

/** An initializer whose values carry metadata. */
export type MetadataInitializer = (...args: Parameters<jax.nn.initializers.Initializer>) => Annotated<jax.Array>;
/** Initializers as layers take them. */
export type Initializer = jax.nn.initializers.Initializer | MetadataInitializer;

/** Wraps an initializer so that its values carry metadata for their Variables. */
export const withMetadata =
  (initializer: Initializer, metadata: VariableMetadata): MetadataInitializer =>
  (...args) => {
    const value = initializer(...args);
    return value instanceof Annotated
      ? new Annotated(value.value, { ...value.metadata, ...metadata })
      : new Annotated(value, metadata);
  };
