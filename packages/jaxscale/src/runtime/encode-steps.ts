/** Puts planned steps into the command stream. What a call costs on the host is spent here. */
import { invariant } from "../base/errors.ts";
import { maxSubmitSeconds } from "../kernel/duration.ts";
import type { KernelOrigin } from "../kernel/program.ts";
import type { PooledBuffer } from "./buffer-pool.ts";
import type { CommandStream } from "./command-stream.ts";
import { writeIterations } from "./immediates.ts";
import type { CopyStep, DispatchStep, LoopStep, PlannedStep } from "./planned-step.ts";
import type { Place } from "./slot-table.ts";
import type { Statistics } from "./statistics.ts";

/** Records what each dispatch takes; see profile.ts. */
export interface DispatchRecorder {
  /** Whether the host takes the times: then each dispatch and each copy is a submit of its own. */
  readonly timesSubmits: boolean;
  begin(encoder: GPUCommandEncoder, program: string, dispatch: DispatchStep): GPUComputePassEncoder;
  copy(encoder: GPUCommandEncoder, program: string, origin: KernelOrigin, encode: () => void): void;
  /** Says how long the submit took that holds the last dispatch or copy. */
  submitted(startMs: number, endMs: number): void;
}

/** One call under way. */
export interface Encoding {
  readonly program: string;
  readonly commands: CommandStream;
  readonly statistics: Statistics;
  readonly groups: readonly GPUBindGroup[];
  readonly buffers: readonly PooledBuffer[];
  readonly recorder: DispatchRecorder | undefined;
  /** Numbers of the current iterations, by depth. */
  readonly iterations: number[];
}

/** Loops are submitted in parts of about so many dispatches. */
export const dispatchesPerSubmit = 2000;

// Dawn reads a plain array faster than a typed one.
const dynamicOffsets = [0];

/** Encodes steps that need no word from the device. */
export function encodeSteps(call: Encoding, steps: readonly PlannedStep[], from = 0, to = steps.length): void {
  const { commands, groups, recorder, iterations } = call;
  let dispatches = 0;
  for (let i = from; i < to; i++) {
    const step = steps[i];
    if (step.kind !== "dispatch") {
      count(call, dispatches);
      dispatches = 0;
      if (step.kind === "loop") encodeLoop(call, step);
      else if (step.kind === "copy") encodeCopy(call, step);
      else invariant(false, `${call.program} exchanges in a call that does not wait`);
      continue;
    }
    const { values } = step;
    const offset = values !== undefined && values.space === "uniform" ? commands.rowOf(values, iterations) : -1;
    const pass = recorder === undefined ? commands.computePass() : beginRecorded(call, recorder, step);
    if (step.pipeline !== commands.pipeline) {
      commands.pipeline = step.pipeline;
      pass.setPipeline(step.pipeline);
    }
    const group = groups[step.group];
    if (offset >= 0) {
      dynamicOffsets[0] = offset;
      pass.setBindGroup(0, group, dynamicOffsets);
      commands.group = undefined;
    } else if (group !== commands.group) {
      commands.group = group;
      pass.setBindGroup(0, group);
    }
    if (offset < 0 && values !== undefined && values !== commands.values) {
      commands.values = values;
      writeIterations(values, iterations);
      // A whole buffer: Dawn takes three times as long to read a typed array.
      pass.setImmediates(0, values.bytes);
    }
    if (step.y === 1 && step.z === 1) pass.dispatchWorkgroups(step.x);
    else pass.dispatchWorkgroups(step.x, step.y, step.z);
    if (recorder !== undefined) pass.end();
    dispatches++;
  }
  count(call, dispatches);
}

/** Encodes a loop that needs no word from the device, in several submits if it is long. */
function encodeLoop(call: Encoding, loop: LoopStep): void {
  for (let iteration = 0; iteration < loop.trips; iteration++) {
    beginIteration(call, loop, iteration);
    encodeSteps(call, loop.body);
  }
}

/** Sets the iteration number of the steps; submits first if the iteration would make the submit too long. */
export function beginIteration({ commands, iterations }: Encoding, loop: LoopStep, iteration: number): void {
  if (
    commands.waitingDispatches + loop.turnDispatches > dispatchesPerSubmit ||
    commands.waitingSeconds + loop.turnSeconds > maxSubmitSeconds
  )
    commands.flush();
  commands.waitingSeconds += loop.ownSeconds;
  iterations[loop.depth] = iteration;
  commands.beginLoopIteration();
}

function count({ commands, statistics }: Encoding, dispatches: number): void {
  commands.waitingDispatches += dispatches;
  statistics.dispatches += dispatches;
}

function encodeCopy(call: Encoding, { from, to, origin }: CopyStep): void {
  const { recorder, commands, program } = call;
  if (recorder === undefined) copy(call, from, to);
  else recorder.copy(commands.encoder(), program, origin, () => copy(call, from, to));
}

function copy({ commands, buffers }: Encoding, from: Place, to: Place): void {
  commands
    .encoder()
    .copyBufferToBuffer(
      bufferOf(from, buffers),
      offsetOf(from, buffers),
      bufferOf(to, buffers),
      offsetOf(to, buffers),
      from.size,
    );
}

/** A pass of its own, with nothing set. */
function beginRecorded(
  { commands, program }: Encoding,
  recorder: DispatchRecorder,
  step: DispatchStep,
): GPUComputePassEncoder {
  const pass = recorder.begin(commands.encoder(), program, step);
  commands.pipeline = undefined;
  commands.group = undefined;
  commands.values = undefined;
  return pass;
}

export const bufferOf = ({ buffer }: Place, buffers: readonly PooledBuffer[]): GPUBuffer =>
  typeof buffer === "number" ? buffers[buffer].gpu : buffer;

export const offsetOf = ({ buffer, offset }: Place, buffers: readonly PooledBuffer[]): number =>
  typeof buffer === "number" ? buffers[buffer].offsetBytes + offset : offset;
