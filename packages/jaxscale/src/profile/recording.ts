/** What the host did while it was recorded: spans, and device memory changing hands. */
import type { HostPhase, HostRecorder } from "../base/host-recorder.ts";

/** A phase of the host's work, on the clock of `performance.now()`. */
export interface HostSpan {
  readonly phase: HostPhase;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  /** What was moved, if anything was. */
  readonly bytes: number;
  /** Whether it may be under way while others begin and end: then the host waits, or works elsewhere. */
  readonly overlaps: boolean;
}

/** A change of the device memory that a holder has. */
export interface MemoryChange {
  readonly atMs: number;
  readonly holder: string;
  readonly bytes: number;
  /** What the pool has of the device's memory, in use or kept for reuse. */
  readonly poolBytes: number;
}

interface OpenSpan {
  readonly id: number;
  readonly phase: HostPhase;
  readonly name: string;
  readonly startMs: number;
}

/** They end when something else has answered. */
const overlapping: ReadonlySet<HostPhase> = new Set(["compile", "wait", "readback", "exchange"]);

export class HostRecording implements HostRecorder {
  readonly startMs = performance.now();
  readonly spans: HostSpan[] = [];
  readonly memoryChanges: MemoryChange[] = [];
  readonly #open: OpenSpan[] = [];
  #next = 0;

  /** @param held what is in use already, by holder */
  constructor(held: ReadonlyMap<string, number>, poolBytes: number) {
    for (const [holder, bytes] of held) this.memory(holder, bytes, poolBytes);
  }

  begin(phase: HostPhase, name: string): number {
    const id = this.#next++;
    this.#open.push({ id, phase, name, startMs: performance.now() });
    return id;
  }

  end(span: number, bytes = 0): void {
    const endMs = performance.now();
    const at = this.#open.findLastIndex(({ id }) => id === span);
    if (at < 0) return;
    const isLast = at === this.#open.length - 1;
    const [{ phase, name, startMs }] = this.#open.splice(at, 1);
    this.spans.push({ phase, name, startMs, endMs, bytes, overlaps: !isLast || overlapping.has(phase) });
  }

  memory(holder: string, bytes: number, poolBytes: number): void {
    this.memoryChanges.push({ atMs: performance.now(), holder, bytes, poolBytes });
  }
}

/** Spans of one phase and name, taken together. */
export interface HostTotal {
  readonly phase: HostPhase;
  readonly name: string;
  readonly count: number;
  readonly elapsedMs: number;
  readonly bytes: number;
}

/** By phase and name, most time first. */
export function totalsOf(spans: readonly HostSpan[]): readonly HostTotal[] {
  const totals = new Map<string, HostTotal>();
  for (const { phase, name, startMs, endMs, bytes } of spans) {
    const key = `${phase} ${name}`;
    const total = totals.get(key) ?? { phase, name, count: 0, elapsedMs: 0, bytes: 0 };
    totals.set(key, {
      ...total,
      count: total.count + 1,
      elapsedMs: total.elapsedMs + endMs - startMs,
      bytes: total.bytes + bytes,
    });
  }
  return [...totals.values()].sort((a, b) => b.elapsedMs - a.elapsedMs);
}
