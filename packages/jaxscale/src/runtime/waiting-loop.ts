/**
 * Loops between whose iterations the host hears from the device: WebGPU cannot repeat dispatches by a value on the device.
 * Iterations run in chunks, twice as many each time. The device's word about a chunk is read while the next one runs, whose
 * iterations do nothing if the loop had ended.
 */
import { recorded } from "../base/host-recorder.ts";
import {
  beginIteration,
  bufferOf,
  type DispatchRecorder,
  dispatchesPerSubmit,
  type Encoding,
  encodeSteps,
  offsetOf,
} from "./encode-steps.ts";
import { keepAlive } from "./keep-alive.ts";
import type { LoopStep, PlannedExchange, PlannedStep } from "./planned-step.ts";
import type { Place } from "./slot-table.ts";
import type { Home } from "./storage.ts";
import { readWord } from "./transfer.ts";
import type { Member } from "./transport.ts";

/** Iterations of a chunk at most: what may be run in vain. */
const maxChunk = 64;
/** Estimated time of a chunk at most. */
const maxChunkSeconds = 0.25;

type Exchanging = Pick<Member, "exchange"> | undefined;

/** Encodes and submits steps, waiting where a loop or an exchange asks for it. @throws DeviceError if the device is lost meanwhile */
export async function runSteps(
  home: Home,
  call: Encoding,
  member: Exchanging,
  steps: readonly PlannedStep[],
): Promise<void> {
  if (call.recorder?.timesSubmits) return timeSteps(home, call, member, call.recorder, steps);
  let from = 0;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i];
    if (!waitsFor(step)) continue;
    encode(call, steps, from, i);
    from = i + 1;
    if (step.kind === "loop") await runLoop(home, call, member, step);
    else await exchange(member, step);
  }
  encode(call, steps, from);
}

/** Waits for each dispatch and each copy, and takes its time. */
async function timeSteps(
  home: Home,
  call: Encoding,
  member: Exchanging,
  recorder: DispatchRecorder,
  steps: readonly PlannedStep[],
): Promise<void> {
  for (const [i, step] of steps.entries()) {
    if (step.kind === "loop") {
      for (let iteration = 0; iteration < step.trips; iteration++) {
        if (step.flag && (await isOver(home, call, step.flag))) break;
        beginIteration(call, step, iteration);
        await timeSteps(home, call, member, recorder, step.body);
      }
    } else if (step.kind === "exchange") await exchange(member, step);
    else {
      home.commands.flush();
      encode(call, steps, i, i + 1);
      const startMs = performance.now();
      await workDone(home);
      recorder.submitted(startMs, performance.now());
    }
  }
}

const encode = (call: Encoding, steps: readonly PlannedStep[], from?: number, to?: number): void =>
  recorded("encode", call.program, () => encodeSteps(call, steps, from, to));

const exchange = (member: Exchanging, { exchange: of }: PlannedExchange): Promise<void> | undefined =>
  recorded("exchange", of.collective, () => member?.exchange(of), of.from.sizeBytes);

const waitsFor = (step: PlannedStep): step is LoopStep | PlannedExchange =>
  step.kind === "exchange" || (step.kind === "loop" && step.waits);

async function runLoop(home: Home, call: Encoding, member: Exchanging, loop: LoopStep): Promise<void> {
  const { body, flag, trips } = loop;
  const waitsInside = body.some(waitsFor);
  const fitting = Math.floor(dispatchesPerSubmit / Math.max(1, loop.turnDispatches));
  const cap = waitsInside ? 1 : flag ? Math.min(maxChunk, fitting, maxChunkSeconds / loop.turnSeconds) : fitting;
  let chunk = flag ? 1 : cap;
  let previous: Promise<boolean> | undefined;
  for (let iteration = 0; iteration < trips; ) {
    // An exchange does something also when the loop had ended.
    if (flag && loop.exchanges && (await isOver(home, call, flag))) return;
    for (const end = Math.min(trips, iteration + Math.max(1, Math.floor(chunk))); iteration < end; iteration++) {
      beginIteration(call, loop, iteration);
      if (waitsInside) await runSteps(home, call, member, body);
      else encode(call, body);
    }
    if (home.lost) throw home.lost;
    // Loops inside have waited enough.
    if (waitsInside && (flag === undefined || loop.exchanges)) continue;
    const goesOn = flag ? isOver(home, call, flag).then((over) => !over) : workDone(home);
    // It is awaited a chunk later, or never.
    goesOn.catch(() => {});
    if (previous && !(await previous)) return;
    previous = goesOn;
    chunk = Math.min(cap, chunk * 2);
  }
}

const isOver = async (home: Home, { buffers }: Encoding, flag: Place): Promise<boolean> =>
  (await readWord(home, bufferOf(flag, buffers), offsetOf(flag, buffers))) === 0;

/** Holds the host back, so that commands do not pile up. */
async function workDone({ commands, gpu }: Home): Promise<boolean> {
  commands.flush();
  await keepAlive(gpu.queue.onSubmittedWorkDone());
  return true;
}
