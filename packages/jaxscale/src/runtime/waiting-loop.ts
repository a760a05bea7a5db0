/**
 * Loops between whose iterations the host hears from the device: WebGPU cannot repeat dispatches by a value on the device.
 * Iterations run in chunks, twice as many each time. The device's word about a chunk is read while the next one runs, whose
 * iterations do nothing if the loop had ended.
 */
import { beginIteration, bufferOf, dispatchesPerSubmit, type Encoding, encodeSteps, offsetOf } from "./encode-steps.ts";
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
  let from = 0;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i];
    if (!waitsFor(step)) continue;
    encodeSteps(call, steps, from, i);
    from = i + 1;
    if (step.kind === "loop") await runLoop(home, call, member, step);
    else await member?.exchange(step.exchange);
  }
  encodeSteps(call, steps, from);
}

const waitsFor = (step: PlannedStep): step is LoopStep | PlannedExchange =>
  step.kind === "exchange" || (step.kind === "loop" && step.waits);

async function runLoop(home: Home, call: Encoding, member: Exchanging, loop: LoopStep): Promise<void> {
  const { body, flag, trips } = loop;
  const waitsInside = body.some(waitsFor);
  const fitting = Math.floor(dispatchesPerSubmit / Math.max(1, loop.turnDispatches));
  const cap = waitsInside ? 1 : flag ? Math.min(maxChunk, fitting, maxChunkSeconds / loop.turnSeconds) : fitting;
  let chunk = flag ? 1 : cap;
  let previous: Promise<boolean> | undefined;
  const isOver = async (at: Place): Promise<boolean> =>
    !(await readFlag(home, bufferOf(at, call.buffers), offsetOf(at, call.buffers)));
  for (let iteration = 0; iteration < trips; ) {
    // An exchange does something also when the loop had ended.
    if (flag && loop.exchanges && (await isOver(flag))) return;
    for (const end = Math.min(trips, iteration + Math.max(1, Math.floor(chunk))); iteration < end; iteration++) {
      beginIteration(call, loop, iteration);
      if (waitsInside) await runSteps(home, call, member, body);
      else encodeSteps(call, body);
    }
    if (home.lost) throw home.lost;
    // Loops inside have waited enough.
    if (waitsInside && (flag === undefined || loop.exchanges)) continue;
    const goesOn = flag ? readFlag(home, bufferOf(flag, call.buffers), offsetOf(flag, call.buffers)) : workDone(home);
    // It is awaited a chunk later, or never.
    goesOn.catch(() => {});
    if (previous && !(await previous)) return;
    previous = goesOn;
    chunk = Math.min(cap, chunk * 2);
  }
}

const readFlag = async (home: Home, buffer: GPUBuffer, offset: number): Promise<boolean> =>
  (await readWord(home, buffer, offset)) !== 0;

/** Holds the host back, so that commands do not pile up. */
async function workDone({ commands, gpu }: Home): Promise<boolean> {
  commands.flush();
  await keepAlive(gpu.queue.onSubmittedWorkDone());
  return true;
}
