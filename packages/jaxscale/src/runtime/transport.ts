/**
 * How GPUs exchange ranges of memory: the contract between the runtime, which runs programs, and what carries bytes between
 * GPUs of one process or of several. docs/adding-a-transport.md says how to write one.
 */
import { DeviceError } from "../base/errors.ts";
import type { ExchangeStep } from "../kernel/program.ts";
import type { DeviceRange } from "./device-range.ts";
import type { Platform } from "./platform.ts";

/** One GPU's part in a collective; see `ExchangeStep` for what each does. */
export interface Exchange extends Pick<ExchangeStep, "collective" | "dtype" | "combine" | "pairs"> {
  /** Numbers of the GPUs that take part, in order of their places. */
  readonly group: readonly number[];
  /** This GPU's place in the group. */
  readonly place: number;
  readonly from: DeviceRange;
  readonly to: DeviceRange;
  /** For messages: the program, the collective, its axes, and the user's line. */
  describe(): string;
}

/** One GPU's part in a call of a program. */
export interface Member {
  /**
   * Fills `to`, and settles when the commands that do so are in the GPU's queue: what is submitted later sees them.
   * Members exchange one after the other, in the same order on every GPU of a group.
   * @throws DeviceError beginning with `describe()` if any GPU of the call fails, or one does not arrive before the deadline
   */
  exchange(exchange: Exchange): Promise<void>;
  /**
   * Says that this GPU can no longer take part; the others fail, those that wait now at once.
   * @param where what the message begins with if no exchange was begun; without it, the error here is `error` itself
   * @returns the error of the results here
   */
  fail(error: Error, where?: () => string | undefined): Error;
  /** Says that this GPU is done with the call; behind `fail` too. */
  leave(): void;
}

export interface Transport {
  /** Of all processes; they are numbered from 0, and each has the same number in every process. */
  readonly gpuCount: number;
  /** Numbers of those that this process has, ascending: the adapters that it opens, in order. */
  readonly ownGpus: readonly number[];
  /**
   * Makes a GPU of this process a member of a call.
   * @param call the same text for every GPU of the call, in every process, and for no other call
   * @param gpus numbers of the GPUs that run it
   */
  join(call: string, gpus: readonly number[], gpu: number): Member;
  /** Ends all calls in a DeviceError. */
  dispose(): void;
}

/** What a client gives to the transport that it makes. */
export interface TransportOptions {
  /** How many GPUs this process opens. */
  readonly ownCount: number;
  /** How long a GPU waits in an exchange for the others. */
  readonly timeoutSeconds: number;
}

// Another GPU may compile its kernels meanwhile, which takes a software driver minutes.
const defaultTimeoutSeconds = 300;

/** @throws DeviceError if `JAXSCALE_EXCHANGE_TIMEOUT` is no number of seconds above 0 */
export function exchangeTimeoutOf(platform: Platform): number {
  const text = platform.readVariable("JAXSCALE_EXCHANGE_TIMEOUT");
  if (!text) return defaultTimeoutSeconds;
  const seconds = Number(text);
  if (!(seconds > 0)) throw new DeviceError(`JAXSCALE_EXCHANGE_TIMEOUT: must be seconds above 0; got ${text}`);
  return seconds;
}
