/** An array whose values lie on a device, or will once the work queued before is done. */
import { calledAt } from "../base/call-site.ts";
import type { DType } from "../base/dtypes.ts";
import { DeviceError, ShardingError, TracerError } from "../base/errors.ts";
import { type NestedList, nestedList, type TypedArray, typedArrayOf } from "../base/host-values.ts";
import { type HostTensor, hostTensor, packWords, unpackWords } from "../base/tensor-data.ts";
import { storageBytes } from "../fuse/memory-view.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import { type NamedSharding, type Sharding, SingleDeviceSharding } from "../partition/named-sharding.ts";
import { getClient, type Storage } from "../runtime/index.ts";
import { Array } from "../trace/array.ts";
import { refuseEscaped } from "../trace/tracer.ts";
import { gpuOf } from "./gpus.ts";
import { type Parts, readParts } from "./parts.ts";
import { formatArray } from "./print-array.ts";

/** Where an array lies that nobody placed. */
export const singleDevice = new SingleDeviceSharding({ id: 0 });
let anyPlaced = false;
/** Whether any array was placed on a mesh: until then a call need not ask its arguments. */
export const arraysArePlaced = (): boolean => anyPlaced;

/**
 * An array with values: what calls outside of `jit` return. Its shape and dtype are known at once; its values are on the device, or will
 * be when the work that was queued before is done. Memory: `size` elements packed in 32-bit words (float16, bfloat16 and int16 two a word,
 * int8, uint8 and bool four); it is given back by `dispose()`, by donation, or after a garbage collection.
 * Errors of the computation are rejections of `data()`, `item()`, `toList()`, `text()` and `blockUntilReady()`.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.Array.html
 */
export class DeviceArray extends Array {
  readonly aval: ShapedArray;
  readonly #literal: number | undefined;
  #storage: Storage | undefined;
  #checked: Promise<void> | undefined;
  #sharding: Sharding | undefined;
  #parts: Parts | undefined;

  constructor(aval: ShapedArray, storage: Storage | undefined, literal?: number) {
    super();
    this.aval = aval;
    this.#storage = storage;
    this.#literal = literal;
  }

  override get literal(): number | undefined {
    return this.#literal;
  }

  /** A scalar known on the host; it takes device memory when a computation first needs it. */
  static scalar(value: number, aval: ShapedArray): DeviceArray {
    return new DeviceArray(aval, undefined, value);
  }
  /** An array of which each GPU of a mesh holds what its devices have. */
  static onGpus(aval: ShapedArray, sharding: NamedSharding, parts: Parts): DeviceArray {
    const array = new DeviceArray(aval, undefined).placedBy(sharding);
    array.#parts = parts;
    return array;
  }
  static fromHost(tensor: HostTensor, weakType: boolean): DeviceArray {
    const aval = { shape: [...tensor.shape], dtype: tensor.dtype, weakType };
    return new DeviceArray(aval, upload(tensor));
  }

  /**
   * Its memory, for an operation or method, as its argument of that number if it has several.
   * @throws DeviceError if deleted
   */
  storageFor(user: string, argument?: number): Storage {
    if (this.#parts) throw onSeveralGpus(this, user);
    const storage = this.#owned;
    if (storage.deleted) throw deletedError(this.aval, storage, user, argument);
    return storage;
  }

  /** The same for a call that does not take it over: a number known on the host needs no memory of its own. @throws DeviceError if deleted */
  argumentFor(user: string, argument: number): Storage | number {
    if (this.#storage || this.#literal === undefined) return this.storageFor(user, argument);
    return wordOf(this.#literal, this.aval.dtype);
  }

  /** Whether GPUs hold parts of it: several, or another than the first. */
  get isOnGpus(): boolean {
    return this.#parts !== undefined;
  }
  /** Number of the GPU that it lies on, if on one alone. */
  get gpu(): number {
    return this.#sharding instanceof SingleDeviceSharding ? gpuOf(this.#sharding.device.id) : 0;
  }
  /** What each GPU holds, if it lies on several, or on another than the first. @throws DeviceError if deleted */
  partsFor(user: string, argument?: number): Parts | undefined {
    const deleted = this.#parts?.storages.find((storage) => storage.deleted);
    if (deleted) throw deletedError(this.aval, deleted, user, argument);
    return this.#parts;
  }

  get #owned(): Storage {
    this.#storage ??= upload(scalarTensor(this.literal as number, this.aval.dtype));
    return this.#storage;
  }

  /** Whether it was disposed of or donated. */
  override get isDeleted(): boolean {
    return (this.#parts?.storages[0] ?? this.#storage)?.deleted ?? false;
  }
  /** Gives the memory back at once instead of at the next garbage collection. Any use after it throws, but to dispose of it again. */
  override dispose(): void {
    if (this.#parts) for (const storage of this.#parts.storages) storage.dispose();
    else this.#owned.dispose();
  }
  override [Symbol.dispose](): void {
    this.dispose();
  }

  /** How it lies on devices. @see https://docs.jax.dev/en/latest/_autosummary/jax.Array.sharding.html */
  get sharding(): Sharding {
    return this.#sharding ?? singleDevice;
  }
  /** Another array with the same values, on the same memory, which the last of them gives back. */
  alias(): DeviceArray {
    if (this.#storage === undefined && this.#literal !== undefined) return DeviceArray.scalar(this.#literal, this.aval);
    const share = (storage: Storage): Storage => getClient().share(storage);
    const parts = this.partsFor("devicePut");
    return parts
      ? DeviceArray.onGpus(this.aval, this.#sharding as NamedSharding, {
          ...parts,
          storages: parts.storages.map(share),
        })
      : new DeviceArray(this.aval, share(this.storageFor("devicePut")));
  }
  /** This array, known to lie as a sharding says. */
  placedBy(sharding: Sharding): this {
    anyPlaced = true;
    this.#sharding = sharding;
    return this;
  }

  /** Lets no value be read before a check is done. Its error becomes that of every read. */
  checkedBy(check: Promise<void>): void {
    this.#checked = check;
    check.catch(() => {});
  }
  /** Settles when the check of the values is done, if there is one. @throws what the check found */
  get checked(): Promise<void> | undefined {
    return this.#checked;
  }

  async #host(user: string): Promise<HostTensor> {
    const { aval } = this;
    if (this.#checked) await this.#checked;
    if (this.literal !== undefined && !this.#storage) return scalarTensor(this.literal, aval.dtype);
    const parts = this.partsFor(user);
    if (parts) return readParts(aval, this.#sharding as NamedSharding, parts);
    const words = await getClient().read(this.storageFor(user));
    return hostTensor(aval.shape, aval.dtype, unpackWords(aval.dtype, words, this.size));
  }

  /** Values in row-major order: float16 and bfloat16 as a Float32Array, bool as a Uint8Array of 0 and 1. @throws DeviceError if the work failed */
  override async data(): Promise<TypedArray> {
    return typedArrayOf(await this.#host("data"));
  }
  /** The one element: a number, or a boolean for dtype bool. @throws TypeError if there is not exactly one; DeviceError if the work failed */
  protected override async element(): Promise<number | boolean> {
    if (this.size !== 1) throw new TypeError(`item: the array must have one element; got ${formatAval(this.aval)}`);
    const { values, dtype } = await this.#host("item");
    return dtype === "bool" ? values[0] !== 0 : values[0];
  }
  /** Nested lists of numbers (booleans for dtype bool), as deep as the array has axes. */
  override async toList(): Promise<NestedList> {
    return nestedList(await this.#host("toList"));
  }
  /** The array as JAX prints it: `Array([1., 2.], dtype=float32)`. */
  override async text(): Promise<string> {
    return formatArray(await this.#host("text"), this.aval.weakType);
  }
  /** Resolves with this array when its values are there. @throws DeviceError if the work failed */
  override async blockUntilReady(): Promise<this> {
    const parts = this.partsFor("blockUntilReady");
    if (parts) await Promise.all(parts.storages.map((storage) => getClient().wait(storage)));
    else if (this.#storage) await getClient().wait(this.storageFor("blockUntilReady"));
    await this.#checked;
    return this;
  }

  /** Type and shape only: values are on the device, and reading them takes an `await`. */
  override toString(): string {
    return `Array(${formatAval(this.aval)})`;
  }
  protected override describeForText(): string {
    return this.toString();
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
  override [Symbol.iterator](): never {
    throw new TypeError(
      `iterating over an array is not possible, for its values are on the device; got ${formatAval(this.aval)}. Use (await x.toList()) for values, x.at(i).get() for rows`,
    );
  }
}

function scalarTensor(value: number, dtype: DType): HostTensor {
  const tensor = hostTensor([], dtype);
  tensor.values[0] = value;
  return tensor;
}

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** The word that holds a number on the device. */
function wordOf(value: number, dtype: DType): number {
  if (dtype === "float32") float[0] = value;
  else if (dtype === "int32" || dtype === "uint32") word[0] = value;
  else return packWords(scalarTensor(value, dtype))[0];
  return word[0];
}

function upload(tensor: HostTensor): Storage {
  const words = packWords(tensor);
  return getClient().upload(
    words,
    storageBytes({ ...tensor, weakType: false }),
    formatAval({ ...tensor, weakType: false }),
  );
}

const onSeveralGpus = ({ aval, sharding }: DeviceArray, user: string): ShardingError =>
  new ShardingError(
    `${user}: the array must lie on one GPU; got ${formatAval(aval)} with ${sharding}. Use it in a jitted function, or lower the function for it`,
  );

/** JAX's sentence, then what it was, who used it, and where. */
function deletedError({ dtype, shape }: ShapedArray, storage: Storage, user: string, argument?: number): DeviceError {
  const end = storage.takenBy === undefined ? "disposed of" : `donated to ${storage.takenBy}`;
  const which = argument === undefined ? "" : ` as argument ${argument}`;
  return new DeviceError(
    `Array has been deleted with shape=${dtype}[${shape.join(",")}]. It was ${end}, so ${user} must not use it${which}${calledAt()}`,
  );
}

/** The device array, where an operation cannot work on a tracer. @throws TracerError */
export function concrete(op: string, x: Array): DeviceArray {
  if (x instanceof DeviceArray) return x;
  refuseEscaped(op, x);
  throw new TracerError(
    `${op}: the values of a traced array are not known while tracing; got ${formatAval(x.aval)}. Return it from the jitted function first`,
  );
}
