/** Exchanges among the GPUs of one process: each maps what it sends, and the last to arrive fills what all receive. */
import { DeviceError } from "../base/errors.ts";
import type { HostView } from "./device-range.ts";
import { exchangeWords } from "./exchange-words.ts";
import type { Exchange, Member, Transport, TransportOptions } from "./transport.ts";

/** GPUs of a group that have arrived at the same exchange. */
interface Meeting {
  /** By place in the group. */
  readonly views: (HostView | undefined)[];
  readonly exchanges: Exchange[];
  arrived: number;
}

interface Call {
  readonly name: string;
  readonly members: Map<number, InProcessMember>;
  /** By the group and the number of its exchange. */
  readonly meetings: Map<string, Meeting>;
  left: number;
  failure: Failure | undefined;
}

interface Failure {
  readonly cause: string;
  /** What the results of all GPUs report, once an exchange is known that failed. */
  error: DeviceError | undefined;
}

const wasDisposed = "GPUs must not exchange anything after the client was disposed of";

export class InProcessTransport implements Transport {
  readonly ownGpus: readonly number[];
  readonly #timeoutSeconds: number;
  readonly #calls = new Map<string, Call>();
  #scratch = new Uint32Array(0);
  #disposed = false;

  constructor({ ownCount, timeoutSeconds }: TransportOptions) {
    this.ownGpus = Array.from({ length: ownCount }, (_, i) => i);
    this.#timeoutSeconds = timeoutSeconds;
  }

  get gpuCount(): number {
    return this.ownGpus.length;
  }

  join(name: string, gpus: readonly number[], gpu: number): Member {
    if (this.#disposed) throw new DeviceError(`exchange: ${wasDisposed}`);
    let call = this.#calls.get(name);
    if (call === undefined)
      this.#calls.set(name, (call = { name, members: new Map(), meetings: new Map(), left: 0, failure: undefined }));
    const joined = call;
    const member = new InProcessMember(gpu, call, this.#timeoutSeconds, {
      perform: ({ exchanges, views }) => this.#perform(exchanges, views as HostView[]),
      left: () => {
        if (++joined.left === gpus.length) this.#calls.delete(name);
      },
    });
    call.members.set(gpu, member);
    return member;
  }

  dispose(): void {
    this.#disposed = true;
    for (const call of this.#calls.values()) failCall(call, wasDisposed);
  }

  #perform(exchanges: readonly Exchange[], views: readonly HostView[]): void {
    exchangeWords(
      exchanges,
      views.map(({ words }) => words),
      (length) => {
        if (this.#scratch.length < length) this.#scratch = new Uint32Array(length);
        return this.#scratch.subarray(0, length);
      },
    );
  }
}

// A timer of more ends at once.
const longestMs = 2 ** 31 - 1;

interface Pending {
  readonly exchange: Exchange;
  readonly timer: ReturnType<typeof setTimeout>;
  resolve(): void;
  reject(error: Error): void;
}

interface Hooks {
  /** Fills what all of a group receive. */
  perform(meeting: Meeting): void;
  left(): void;
}

class InProcessMember implements Member {
  readonly #gpu: number;
  readonly #call: Call;
  readonly #timeoutSeconds: number;
  readonly #hooks: Hooks;
  #exchanges = 0;
  #pending: Pending | undefined;
  #last: Exchange | undefined;

  constructor(gpu: number, call: Call, timeoutSeconds: number, hooks: Hooks) {
    this.#gpu = gpu;
    this.#call = call;
    this.#timeoutSeconds = timeoutSeconds;
    this.#hooks = hooks;
  }

  get pending(): Pending | undefined {
    return this.#pending;
  }

  exchange(exchange: Exchange): Promise<void> {
    const call = this.#call;
    this.#last = exchange;
    if (call.failure) return Promise.reject(errorOf(call.failure, exchange.describe()));
    // All GPUs of a call run the same steps: the groups that the number of an exchange stands for differ in their members alone.
    const key = `${this.#exchanges++} ${exchange.group[0]}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#expire(exchange, key), Math.min(longestMs, 1e3 * this.#timeoutSeconds));
      this.#pending = { exchange, timer, resolve, reject };
      exchange.from.read().then(
        (view) => this.#arrive(exchange, key, view),
        (error: Error) => void this.fail(error),
      );
    });
  }

  fail(error: Error, where?: () => string | undefined): Error {
    const place = this.#last?.describe() ?? where?.();
    return failCall(this.#call, `GPU ${this.#gpu} failed: ${error.message}`, place) ?? error;
  }

  leave(): void {
    this.#hooks.left();
  }

  /** Ends the exchange that is under way. */
  settle(error?: Error): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    clearTimeout(pending.timer);
    if (error) pending.reject(error);
    else pending.resolve();
  }

  #arrive(exchange: Exchange, key: string, view: HostView): void {
    const { meetings, members, failure } = this.#call;
    if (failure) return view.release();
    const { group, place } = exchange;
    let meeting = meetings.get(key);
    if (meeting === undefined)
      meetings.set(key, (meeting = { views: new Array(group.length), exchanges: new Array(group.length), arrived: 0 }));
    meeting.views[place] = view;
    meeting.exchanges[place] = exchange;
    if (++meeting.arrived < group.length) return;
    meetings.delete(key);
    // A device that is lost takes away what was mapped of it.
    const lost = meeting.views.findIndex((of, i) => of?.words.byteLength !== meeting.exchanges[i].from.sizeBytes);
    if (lost >= 0) members.get(group[lost])?.fail(new DeviceError("device: it was lost, with the words that it sent"));
    else
      try {
        this.#hooks.perform(meeting);
      } catch (error) {
        this.fail(error instanceof Error ? error : new Error(String(error)));
      }
    for (const arrived of meeting.views) arrived?.release();
    for (const gpu of group) members.get(gpu)?.settle();
  }

  #expire({ group, place }: Exchange, key: string): void {
    const there = this.#call.meetings.get(key)?.exchanges ?? [];
    const missing = group.filter((_, i) => there[i] === undefined);
    const late = missing.length === 1 && missing[0] === group[place] ? "its own" : `those of GPU ${missing.join(", ")}`;
    failCall(
      this.#call,
      `the words of all GPUs must be there within ${this.#timeoutSeconds} s (JAXSCALE_EXCHANGE_TIMEOUT); GPU ${group[place]} still waits for ${late}`,
    );
  }
}

/** Ends the exchanges under way. @returns what all results report, once it is known where it failed */
function failCall(call: Call, cause: string, where?: string): DeviceError | undefined {
  if (call.failure) return call.failure.error;
  const failure: Failure = { cause, error: undefined };
  call.failure = failure;
  for (const { views } of call.meetings.values()) for (const view of views) view?.release();
  call.meetings.clear();
  for (const member of call.members.values())
    if (member.pending) member.settle(errorOf(failure, member.pending.exchange.describe()));
  return where === undefined ? failure.error : errorOf(failure, where);
}

/** One error for all, so that who reads one array of several has read it. */
function errorOf(failure: Failure, where: string): DeviceError {
  failure.error ??= new DeviceError(`${where}: ${failure.cause}`);
  return failure.error;
}
