/** What the compiler hands to the runtime before the device is known. */

import type { Target } from "../base/target.ts";
import type { Program } from "../kernel/program.ts";
import type { ProgramTimer } from "./program-timer.ts";
import type { Storage } from "./storage.ts";

/** Words that the runtime uploads once for each device; unlike a storage, they outlive a lost device. */
export interface HostConstant {
  readonly words: Uint32Array;
  readonly sizeBytes: number;
}

/** A program that is built for a target when one is known. The runtime keeps what it makes of it while this object lives. */
export interface LazyProgram {
  readonly name: string;
  readonly resultCount: number;
  readonly resultBytes: readonly number[];
  /** For messages, such as `float32[4,8]`. */
  readonly resultLabels?: readonly string[];
  /** Argument indices whose storages a call deletes; equal to `Program.donated`. */
  readonly donated?: readonly number[];
  /**
   * What `Slot.constant.index` counts: words, an array (of which other GPUs make themselves a copy), or one for each of the
   * GPUs that `Client.launchOn` takes.
   */
  readonly constants?: readonly (Storage | HostConstant | readonly Storage[])[];
  /** Awaited before `build`: measures what the program may choose between. */
  prepare?(target: Target, timerFor: (program: Program) => Promise<ProgramTimer | undefined>): Promise<void>;
  /** Called once for each distinct target; what it throws becomes the error of the results. */
  build(target: Target): Program;
}
