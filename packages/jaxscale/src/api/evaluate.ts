/** Operations outside any trace: each is a small program, run through the same pipeline as a jitted function. */
import { recorded } from "../base/host-recorder.ts";
import { checkElementCount } from "../base/shapes.ts";
import { type Donation, lazyProgram, type Optimized, optimize } from "../compile.ts";
import { type ClosedJaxpr, newVar, type Params, type Primitive } from "../jaxpr/ir.ts";
import { jaxprKey } from "../jaxpr/key.ts";
import type { Placement } from "../partition/partition.ts";
import { getClient, type LazyProgram, type Storage } from "../runtime/index.ts";
import type { Array } from "../trace/array.ts";
import { captureSource } from "../trace/scope.ts";
import { type Backend, installBackend } from "../trace/trace.ts";
import { autotuneOf } from "./autotune.ts";
import { currentWatcher } from "./config.ts";
import { concrete, DeviceArray } from "./device-array.ts";
import { dumped } from "./dump.ts";
import { replayBehind } from "./effects.ts";
import { checkDevices, launchOnGpus, singleDeviceOf } from "./launch-on-gpus.ts";
import { operandShardings, placementKey, placementOf } from "./placement.ts";

/** A closed jaxpr made ready to launch. */
export interface Runnable {
  /** Replaced when it is to be compiled anew. */
  program: LazyProgram;
  readonly optimized: Optimized;
}

export function makeRunnable(
  name: string,
  traced: ClosedJaxpr,
  donation: Donation = { donated: [] },
  placement?: Placement,
): Runnable {
  const optimized = recorded("lower", name, () => optimize(traced, placement));
  const prepare = autotuneOf(optimized.closed);
  const program = lazyProgram(optimized, { name, ...donation, prepare, storageOf: storageIn(name) });
  return { optimized, program: dumped(program, traced, optimized) };
}

/** The memory of constants that are arrays. */
const storageIn =
  (name: string) =>
  (constant: unknown): Storage | undefined =>
    isHostTensor(constant) ? undefined : concrete(name, constant as Array).storageFor(name);
const isHostTensor = (x: unknown): boolean =>
  typeof x === "object" && x !== null && "values" in x && "dtype" in x && !(x instanceof DeviceArray);

/** Launches; the results exist at once, their values when the device is done. */
export function launch(runnable: Runnable, operands: readonly Array[]): DeviceArray[] {
  const watcher = currentWatcher();
  return watcher ? watcher(runnable, operands, launchNow) : launchNow(runnable, operands);
}

function launchNow(runnable: Runnable, operands: readonly Array[]): DeviceArray[] {
  const { program, optimized } = runnable;
  const { results, effects, partitioned } = optimized;
  checkDevices(program.name, operands);
  if (partitioned?.placement.topology) return launchOnGpus(program, optimized, operands);
  const { name, donated = [] } = program;
  const { gpu, sharding: device } = singleDeviceOf(operands);
  const storages = getClient().launch(
    program,
    operands.map((operand, i) => {
      const x = concrete(name, operand);
      const argument = donated.includes(i) ? x.storageFor(name, i) : x.argumentFor(name, i);
      return gpu === 0 || typeof argument === "number" || x.gpu === gpu ? argument : getClient().copyTo(gpu, argument);
    }),
    gpu,
  );
  if (effects) replayBehind(storages.slice(results.length), effects.results, effects.replay);
  const arrays = results.map((aval, i) => new DeviceArray(aval, storages[i]));
  if (device) for (const x of arrays) x.placedBy(device);
  partitioned?.shardings.forEach((sharding, i) => arrays[i].placedBy(sharding));
  return arrays;
}

/** Its program gives back what it keeps between calls; the rest goes with it. */
export const forget = ({ program }: Runnable): void => getClient().unload(program);

const maxRunnables = 2048;
const runnables = new Map<string, Runnable>();

/** The same program for the same structure and placement: an eager operation in a loop compiles once. */
function runnableFor(name: string, closed: ClosedJaxpr, operands: readonly DeviceArray[]): Runnable {
  const own = operandShardings(operands);
  const key = own ? `${jaxprKey(closed.jaxpr)} on ${placementKey(own)}` : jaxprKey(closed.jaxpr);
  let runnable = runnables.get(key);
  if (runnable) {
    // Most recently used last.
    runnables.delete(key);
  } else {
    const placement = own && placementOf(name, closed, own, [], []);
    runnable = makeRunnable(name, located(closed), { donated: [] }, placement);
    const oldest = runnables.keys().next();
    if (runnables.size >= maxRunnables && !oldest.done) {
      forget(runnables.get(oldest.value) as Runnable);
      runnables.delete(oldest.value);
    }
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
    const avals = primitive.abstractEval(
      invars.map((v) => v.aval),
      params,
    );
    for (const { shape } of avals) checkElementCount(primitive.name, shape);
    const outputs = avals.map(newVar);
    const eqn = { primitive, inputs: invars, outputs, params, source: { scope: "" } };
    const closed: ClosedJaxpr = { jaxpr: { constvars: [], invars, eqns: [eqn], outvars: outputs }, consts: [] };
    return launch(runnableFor(primitive.name, closed, concretes), concretes);
  },
};

installBackend(backend);
