/** One call of an executable: taking its memory, running it, giving its results. */
import { DeviceError } from "../base/errors.ts";
import { type Block, validationOf } from "./buffer-pool.ts";
import type { Device } from "./device.ts";
import type { DispatchRecorder } from "./encode-steps.ts";
import type { Executable } from "./executable.ts";
import { bothPending, PendingValidation, popScopes, pushScopes } from "./pending-validation.ts";
import { type Argument, unplaced } from "./scalar-rows.ts";
import type { Memory } from "./storage.ts";
import type { Member } from "./transport.ts";

let lastMark = 0;

/** @throws DeviceError if an argument is deleted, donated twice, or donated and passed again */
export function borrowArguments(name: string, args: readonly Argument[], donated: readonly number[]): Memory[] {
  const memories = new Array<Memory>(args.length);
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    memories[i] = typeof arg === "number" ? unplaced : arg.borrow();
  }
  if (donated.length === 0) return memories;
  const mark = ++lastMark;
  for (const i of donated) {
    if (memories[i].mark === mark)
      throw new DeviceError(`${name}: an array must be donated once; got ${memories[i].label} donated twice`);
    memories[i].mark = mark;
  }
  let marked = 0;
  for (let i = 0; i < memories.length; i++) if (memories[i].mark === mark) marked++;
  if (marked > donated.length) {
    const twice = donated.find((i) => memories.indexOf(memories[i]) !== memories.lastIndexOf(memories[i]));
    throw new DeviceError(
      `${name}: a donated array must not be passed again; got ${memories[twice ?? donated[0]].label} twice`,
    );
  }
  return memories;
}

/** What keeps the call from running: an argument that failed, or lies on a device that was lost. */
export function argumentError(device: Device, args: readonly Memory[]): Error | undefined {
  for (let i = 0; i < args.length; i++) {
    const memory = args[i];
    if (memory.error !== undefined) return memory.error;
    if (memory.home !== device && memory.home !== undefined)
      return memory.home.lost ?? new DeviceError(`launch: arguments must lie on one device; got ${memory.label}`);
  }
  return undefined;
}

/** A donated buffer is aliased only if nothing else needs it. */
const canTakeOver = (memory: Memory): boolean => memory.references === 1 && memory.block?.references === 1;

/** Memory for the outputs, those of donors included; undefined if over the budget. */
export function takeOutputs(device: Device, executable: Executable, args: readonly Memory[]): Block[] | undefined {
  const { outputs } = executable.table;
  const blocks = new Array<Block>(outputs.length);
  for (let i = 0; i < outputs.length; i++) {
    const { donor, sizeBytes, label } = outputs[i];
    if (donor >= 0 && canTakeOver(args[donor])) {
      const block = args[donor].block as Block;
      // Until the argument lets go of it both hold it.
      block.references++;
      blocks[i] = block;
      continue;
    }
    const block = device.pool.allocate(sizeBytes, label);
    if (block === undefined) {
      for (let taken = 0; taken < i; taken++) device.pool.release(blocks[taken]);
      return undefined;
    }
    blocks[i] = block;
  }
  return blocks;
}

/** A call that has its memory. */
export interface Call {
  readonly args: readonly Memory[];
  readonly blocks: readonly Block[];
  readonly results: readonly Memory[];
  readonly recorder: DispatchRecorder | undefined;
  /** Where it exchanges with other GPUs. */
  readonly member?: Pick<Member, "exchange">;
}

/** Runs, fills the results, and lets go of the outputs' blocks. Arguments keep their references. */
export function runInto(device: Device, executable: Executable, call: Call): void {
  const copied = donorsToCopy(executable, call);
  let validation = validationOfCall(call);
  if (executable.hasRun) {
    executable.run(call.args, call.blocks, copied, call.recorder);
    validation = bothPending(validation, executable.validation);
  } else {
    executable.hasRun = true;
    device.commands.flush();
    pushScopes(device.gpu);
    try {
      executable.run(call.args, call.blocks, copied, call.recorder);
      device.commands.flush();
    } finally {
      executable.validation = validationOfRun(device, executable);
    }
    validation = bothPending(bothPending(validation, executable.memory.inheritedValidation), executable.validation);
  }
  placeResults(device, executable, call, validation);
}

/** The same for a program that waits on its way. Meanwhile others may be launched that do not wait. */
export async function runWaitingInto(device: Device, executable: Executable, call: Call): Promise<void> {
  const copied = donorsToCopy(executable, call);
  device.commands.flush();
  // Of numbers among them too: a later call finds their rows in use.
  const lent = call.args.map(({ block }) => block as Block);
  for (const block of lent) block.references++;
  executable.memory.isRunning = true;
  try {
    // Whatever else pushes a scope meanwhile pops it before it yields.
    pushScopes(device.gpu);
    try {
      await executable.runWaiting(call.args, call.blocks, copied, call.recorder, call.member);
    } finally {
      executable.validation = validationOfRun(device, executable);
    }
  } catch (error) {
    for (const block of call.blocks) device.pool.release(block);
    throw error;
  } finally {
    executable.memory.isRunning = false;
    for (const block of lent) device.pool.release(block);
  }
  const validation = bothPending(
    bothPending(validationOfCall(call), executable.memory.inheritedValidation),
    executable.validation,
  );
  placeResults(device, executable, call, validation);
}

/** Outputs whose donor is still needed by something else. */
function donorsToCopy({ table: { outputs } }: Executable, { args, blocks }: Call): readonly number[] | undefined {
  let copied: number[] | undefined;
  for (let i = 0; i < outputs.length; i++)
    if (outputs[i].donor >= 0 && args[outputs[i].donor].block !== blocks[i]) (copied ??= []).push(i);
  return copied;
}

function validationOfCall({ args, blocks }: Call): PendingValidation | undefined {
  let validation: PendingValidation | undefined;
  for (let i = 0; i < blocks.length; i++) validation = bothPending(validation, validationOf(blocks[i]));
  for (let i = 0; i < args.length; i++)
    if (args[i].validation !== undefined) validation = bothPending(validation, args[i].validation);
  return validation;
}

const validationOfRun = (device: Device, { program }: Executable): PendingValidation =>
  new PendingValidation(
    popScopes(device.gpu, (error) => new DeviceError(`${program.name}: must run; got: ${error.message}`)),
  );

function placeResults(
  device: Device,
  executable: Executable,
  { args, blocks, results }: Call,
  validation: PendingValidation | undefined,
): void {
  for (let i = 0; i < results.length; i++) {
    const { from, index } = executable.results[i];
    const block =
      from === "output"
        ? blocks[index]
        : from === "argument"
          ? (args[index].block as Block)
          : executable.constant(index);
    block.references++;
    results[i].place(device, block, validation);
  }
  for (let i = 0; i < blocks.length; i++) device.pool.release(blocks[i]);
}
