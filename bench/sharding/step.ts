/** Layers under tensor parallelism: a step as it is compiled, and as it is timed. */
import * as jax from "jaxscale";
import { noise } from "../noise.ts";
import {
  type Block,
  type BlockSizes,
  type Cache,
  decode,
  headsOverTensor,
  makeBlock,
  tensorParallel,
} from "./glm-block.ts";

export interface StepSizes extends BlockSizes {
  readonly layers: number;
  readonly batch: number;
  /** New tokens of a row. */
  readonly tokens: number;
  readonly capacity: number;
}

export type StepArguments<T> = readonly [caches: readonly Cache<T>[], blocks: readonly Block<T>[], x: T, start: T];
type Step = jax.Jitted<(...args: StepArguments<jax.Array>) => [caches: readonly Cache<jax.Array>[], x: jax.Array]>;
type Make<T> = (dtype: jax.DType, ...shape: number[]) => T;

/** Weights and caches bfloat16, activations float32. */
export function stepArguments<T>(make: Make<T>, sizes: StepSizes): StepArguments<T> {
  const { layers, batch, tokens, capacity, keyHeads, headDim, hidden } = sizes;
  const cache = (): T => make("bfloat16", batch, capacity, keyHeads, headDim);
  const each = <R>(of: () => R): R[] => Array.from({ length: layers }, of);
  return [
    each(() => ({ keys: cache(), values: cache() })),
    each(() => makeBlock((...shape) => make(shape.length > 1 ? "bfloat16" : "float32", ...shape), sizes)),
    make("float32", batch, tokens, hidden),
    make("int32"),
  ];
}

export const typesOnly: Make<jax.ShapeDtypeStruct> = (dtype, ...shape) => new jax.ShapeDtypeStruct(shape, dtype);
/** Random arrays, small enough that many layers stay finite. */
export const randomArrays: Make<jax.Array> = (dtype, ...shape) =>
  dtype === "int32"
    ? jax.numpy.array(0, { dtype: "int32" })
    : jax.numpy
        .array(noise(shape.reduce((a, b) => a * b, 1)))
        .mul(0.1)
        .astype(dtype)
        .reshape(...shape);

/** A step that takes over its caches, on `devices` of a mesh, or without one. */
export function stepOn(devices: number, sizes: StepSizes): Step {
  const step = (...[caches, blocks, x, start]: StepArguments<jax.Array>): [Cache<jax.Array>[], jax.Array] => {
    let y = x;
    const next = blocks.map((block, i) => {
      const done = decode(sizes, block, caches[i], y, start);
      y = done.x;
      return done.cache;
    });
    return [next, y];
  };
  if (devices === 1) return jax.jit(step, { donateArgnums: 0 }) as Step;
  const mesh = jax.makeMesh([devices], ["tensor"]);
  const lie = (spec: jax.PartitionSpec): jax.NamedSharding => new jax.NamedSharding(mesh, spec);
  const block = Object.fromEntries(Object.entries(tensorParallel).map(([name, spec]) => [name, lie(spec)]));
  const whole = lie(jax.P());
  return jax.jit(step, {
    donateArgnums: 0,
    inShardings: [lie(headsOverTensor), Array.from({ length: sizes.layers }, () => block), whole, whole],
    outShardings: [lie(headsOverTensor), whole],
  }) as Step;
}

/** A step that is compiled, with arrays to run it on, and what is known of it. */
export class Runner {
  readonly devices: number;
  readonly dispatches: number;
  readonly peakBytes: number;
  /** By each device in a step, and how. */
  readonly sent: number;
  readonly collectives: string;
  readonly #step: Step;
  readonly #start: jax.Array;
  readonly #tokens: number;
  #arguments: StepArguments<jax.Array>;

  private constructor(devices: number, step: Step, compiled: jax.Compiled, sizes: StepSizes, present: number) {
    this.devices = devices;
    this.#step = step;
    this.#tokens = sizes.tokens;
    this.#start = jax.numpy.array(present, { dtype: "int32" });
    this.#arguments = stepArguments(randomArrays, sizes);
    this.dispatches = compiled.program.segments.flatMap(({ steps }) => steps).length;
    this.peakBytes = compiled.memoryAnalysis().peakSizeBytes;
    const { communication } = compiled.costAnalysis();
    this.sent = communication.reduce((n, { sizeBytes }) => n + sizeBytes, 0);
    this.collectives = communication.map(({ count, collective }) => `${count} ${collective}`).join(", ");
  }

  static async make(devices: number, sizes: StepSizes, present: number): Promise<Runner> {
    const step = stepOn(devices, sizes);
    const compiled = await step.lower(...stepArguments(typesOnly, sizes)).compile();
    const runner = new Runner(devices, step, compiled, sizes, present);
    for (let i = 0; i < 2; i++) await runner.sample();
    return runner;
  }

  step(): Promise<jax.Array> {
    const [caches, blocks, x] = this.#arguments;
    const [next, y] = this.#step(caches, blocks, x, this.#start);
    this.#arguments = [next, blocks, x, this.#start];
    return y.blockUntilReady();
  }

  /** Milliseconds of a step, of several where one is short. */
  async sample(): Promise<number> {
    const count = this.#tokens === 1 ? 4 : 1;
    const started = performance.now();
    for (let i = 0; i < count; i++) await this.step();
    return (performance.now() - started) / count;
  }

  dispose(): void {
    for (const x of jax.tree.leaves(this.#arguments)) (x as jax.Array).dispose();
  }
}
