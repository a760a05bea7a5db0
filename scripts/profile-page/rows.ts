/** Kernels of one run, or of two runs side by side. */
import type { KernelRow, RunData } from "../../packages/jaxscale/src/profile/run-data.ts";

/** A kernel in the run that is looked at, and the same one in the other run. */
export interface Row {
  readonly key: string;
  readonly kernel: KernelRow;
  readonly run: RunData;
  /** Absent if there is no other run, or it has no such kernel. */
  readonly other?: KernelRow;
  /** It is in the other run alone. */
  readonly gone: boolean;
}

const keyOf = ({ program, scope, name, operations }: KernelRow): string =>
  [program, scope, name, operations.join(" ")].join("|");

/** By their places in the program; several kernels of one place are paired in order. */
function byKey({ kernels }: RunData): Map<string, KernelRow> {
  const counts = new Map<string, number>();
  const rows = new Map<string, KernelRow>();
  for (const kernel of kernels) {
    const key = keyOf(kernel);
    const count = counts.get(key) ?? 0;
    counts.set(key, count + 1);
    rows.set(`${key}|${count}`, kernel);
  }
  return rows;
}

export function pairRows(run: RunData, other: RunData | undefined): readonly Row[] {
  const others = other ? byKey(other) : new Map<string, KernelRow>();
  const own = byKey(run);
  const rows = [...own].map(([key, kernel]): Row => ({ key, kernel, run, other: others.get(key), gone: false }));
  if (!other) return rows;
  const gone = [...others].filter(([key]) => !own.has(key));
  return [...rows, ...gone.map(([key, kernel]): Row => ({ key, kernel, run: other, other: kernel, gone: true }))];
}
