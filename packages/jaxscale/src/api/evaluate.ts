/** Operations outside any trace: each is a small program, run through the same pipeline as a jitted function. */
import { type HostTensor, packWords } from "../base/tensor-data.ts";
import {
  compile,
  flatten,
  getClient,
  type HostConstant,
  type LazyProgram,
  optimize,
  type Storage,
  storageBytes,
} from "../compile.ts";
import { type ClosedJaxpr, formatAval, newVar, type Params, type Primitive, type ShapedArray } from "../jaxpr/ir.ts";
import { jaxprKey } from "../jaxpr/key.ts";
import { liftEffects, type Replay } from "../passes/lift-effects.ts";
import type { Array } from "../trace/array.ts";
import { captureSource } from "../trace/scope.ts";
import { type Backend, installBackend } from "../trace/trace.ts";
import { autotuneOf } from "./autotune.ts";
import { currentWatcher } from "./config.ts";
import { concrete, DeviceArray } from "./device-array.ts";
import { replayBehind } from "./effects.ts";

/** A closed jaxpr made ready to launch, and the types of its results. */
export interface Runnable {
  /** Replaced when it is to be compiled anew. */
  program: LazyProgram;
  readonly results: readonly ShapedArray[];
  readonly optimized: ClosedJaxpr;
  /** Without calls, each equation with the line that made it. */
  readonly traced: ClosedJaxpr;
  /** What the program tells the host, if anything: types of its further results, and what to do with them. */
  readonly effects: { readonly told: readonly ShapedArray[]; readonly replay: Replay } | undefined;
}

export function makeRunnable(name: string, traced: ClosedJaxpr, donated: readonly number[] = []): Runnable {
  const flat = flatten(traced);
  const { closed, extra, replay } = liftEffects(flat);
  const optimized = optimize(closed);
  const all = closed.jaxpr.outvars.map((a) => a.aval);
  const results = all.slice(0, all.length - extra);
  return {
    optimized,
    results,
    traced: flat,
    effects: replay && { told: all.slice(results.length), replay },
    program: {
      name,
      donated,
      resultCount: all.length,
      resultBytes: all.map(storageBytes),
      resultLabels: all.map(formatAval),
      constants: optimized.consts.map((c) => constantOf(name, c)),
      prepare: autotuneOf(optimized),
      build: (target) => compile(optimized, target, { name, donated }),
    },
  };
}

function constantOf(name: string, constant: unknown): Storage | HostConstant {
  if (constant instanceof DeviceArray) return constant.storage;
  if (isHostTensor(constant))
    return { words: packWords(constant), sizeBytes: storageBytes({ ...constant, weakType: false }) };
  return concrete(name, constant as Array).storage;
}
const isHostTensor = (x: unknown): x is HostTensor =>
  typeof x === "object" && x !== null && "values" in x && "dtype" in x && !(x instanceof DeviceArray);

/** Launches; the results exist at once, their values when the device is done. */
export function launch(runnable: Runnable, operands: readonly Array[]): DeviceArray[] {
  const watcher = currentWatcher();
  return watcher ? watcher(runnable, operands, launchNow) : launchNow(runnable, operands);
}

function launchNow({ program, results, effects }: Runnable, operands: readonly Array[]): DeviceArray[] {
  const { name, donated = [] } = program;
  const storages = getClient().launch(
    program,
    operands.map((operand, i) => {
      const x = concrete(name, operand);
      return donated.includes(i) ? x.storage : x.argument;
    }),
  );
  if (effects) replayBehind(storages.slice(results.length), effects.told, effects.replay);
  return results.map((aval, i) => new DeviceArray(aval, storages[i]));
}

const maxRunnables = 2048;
const runnables = new Map<string, Runnable>();

/** The same program for the same structure: an eager operation in a loop compiles once. */
function runnableFor(name: string, closed: ClosedJaxpr): Runnable {
  const key = jaxprKey(closed.jaxpr);
  let runnable = runnables.get(key);
  if (runnable) {
    // Most recently used last.
    runnables.delete(key);
  } else {
    runnable = makeRunnable(name, located(closed));
    const oldest = runnables.keys().next();
    if (runnables.size >= maxRunnables && !oldest.done) runnables.delete(oldest.value);
  }
  runnables.set(key, runnable);
  return runnable;
}

/** With the user's line that is running: that of the first call, if others of the same structure follow. */
function located({ jaxpr, consts }: ClosedJaxpr): ClosedJaxpr {
  const { site } = captureSource(backend.process);
  return { jaxpr: { ...jaxpr, eqns: jaxpr.eqns.map((eqn) => ({ ...eqn, source: { site, scope: "" } })) }, consts };
}

const backend: Backend = {
  scalar: DeviceArray.scalar,
  fromHost: DeviceArray.fromHost,
  process(primitive: Primitive, operands: readonly Array[], params: Params): readonly Array[] {
    const concretes = operands.map((x) => concrete(primitive.name, x));
    const invars = concretes.map((x) => newVar(x.aval));
    const outputs = primitive
      .abstractEval(
        invars.map((v) => v.aval),
        params,
      )
      .map(newVar);
    const eqn = { primitive, inputs: invars, outputs, params, source: { scope: "" } };
    const closed: ClosedJaxpr = { jaxpr: { constvars: [], invars, eqns: [eqn], outvars: outputs }, consts: [] };
    return launch(runnableFor(primitive.name, closed), concretes);
  },
};

installBackend(backend);
