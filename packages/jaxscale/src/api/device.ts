/** Devices, and arrays on their way to and from them. */

import { type DataSheet, dataSheetOf } from "../analyze/data-sheets.ts";
import type { TypedArray } from "../base/host-values.ts";
import { flatten, treeMap } from "../base/pytree.ts";
import type { Target } from "../base/target.ts";
import { type Client, type DoctorReport, examine, formatReport, getClient } from "../runtime/index.ts";
import { Array } from "../trace/array.ts";
import { concrete, DeviceArray } from "./device-array.ts";
import { gpuOf, logicalDevices } from "./gpus.ts";
import { asarray } from "./numpy/creation.ts";

/** A device that programs run on. */
export interface Device {
  readonly id: number;
  /** Number of the GPU that it is part of. */
  readonly gpu: number;
  readonly kind: Target["kind"];
  readonly name: string;
  readonly target: Target;
  /** Bytes that arrays and temporaries may take together. */
  readonly memoryBudgetBytes: number;
}

/** Opens the device; needed only before `asText("kernels" | "wgsl")`. @throws DeviceError if there is none */
export async function ready(): Promise<Target> {
  return getClient().ready();
}

/**
 * Devices that programs run on: GPUs, one for each adapter that `JAXSCALE_ADAPTER` names. `JAXSCALE_DEVICES=8` divides them into eight
 * logical ones, as XLA fakes host devices; those of the first GPU come first.
 * @throws DeviceError if there is no adapter @see https://docs.jax.dev/en/latest/_autosummary/jax.devices.html
 */
export async function devices(): Promise<readonly Device[]> {
  return Promise.all(
    logicalDevices().map(async ({ id }) => {
      const gpu = gpuOf(id);
      const { target, pool } = await getClient().device(gpu);
      const { kind, name } = target;
      return { id, gpu, kind, name, target, memoryBudgetBytes: pool.budgetBytes };
    }),
  );
}

/** Devices of this process: all there are. */
export const localDevices = devices;

/** Number of devices, known before an adapter is opened. @throws ShardingError if `JAXSCALE_DEVICES` is not a multiple of the number of GPUs */
export const deviceCount = (): number => logicalDevices().length;

/** A tree of numbers, typed arrays or arrays as arrays on the device. */
export function onDevice<T>(tree: T): T {
  return treeMap((x) => (x instanceof Array ? x : asarray(x as never)), tree) as T;
}

/** Values of a tree of arrays, as typed arrays in row-major order. @throws DeviceError if the work failed */
export async function deviceGet(tree: unknown): Promise<unknown> {
  const { leaves } = flatten(tree);
  const values = await Promise.all(leaves.map((x) => (x instanceof DeviceArray ? x.data() : Promise.resolve(x))));
  let next = 0;
  return treeMap(() => values[next++] as TypedArray, tree);
}

/** Resolves with the tree when all its arrays are computed. @throws DeviceError if the work failed */
export async function blockUntilReady<T>(tree: T): Promise<T> {
  await Promise.all(
    flatten(tree).leaves.map((x) => (x instanceof Array ? concrete("blockUntilReady", x).blockUntilReady() : x)),
  );
  return tree;
}

/**
 * Gives memory back to the device at once: buffers of arrays that are gone, which are kept for reuse otherwise, and the
 * temporaries of programs, which take them again when they are next called. Without it, what stays unused for about a
 * second is given back but for `JAXSCALE_MAX_IDLE_BYTES` (256 MiB unless set).
 */
export const trimMemory = (): void => getClient().trim();

/** Counters of the default device's client: submits, dispatches, buffers, bytes. */
export const statistics = (): Client["statistics"] => getClient().statistics;

export type { DataSheet } from "../analyze/data-sheets.ts";

/** Adapter, driver, features, limits, and measured rates of the device. */
export interface DeviceReport extends DoctorReport {
  /** What the maker states of the GPU; undefined for one that there is no row of. */
  readonly dataSheet: DataSheet | undefined;
}

/** Options of `examineDevice`. */
export interface ExamineOptions {
  /** Measures again what was measured before: another minute may leave less of the device. */
  readonly anew?: boolean;
}

async function examineGpu(client: Client, gpu: number, options?: ExamineOptions): Promise<DeviceReport> {
  const report = await examine(client, gpu, options);
  return { ...report, dataSheet: dataSheetOf(report.device) };
}

/** Opens the first GPU and measures it, once, which takes seconds. @throws DeviceError if there is none */
export const examineDevice = (options?: ExamineOptions): Promise<DeviceReport> => examineGpu(getClient(), 0, options);

/** A report for each GPU that `JAXSCALE_ADAPTER` names, measured one after the other. @throws DeviceError if one is not there */
export async function examineDevices(): Promise<readonly DeviceReport[]> {
  const client = getClient();
  const reports: DeviceReport[] = [];
  for (const gpu of client.ownGpus) reports.push(await examineGpu(client, gpu));
  return reports;
}

/** The report as lines of text. */
export const formatDeviceReport = (report: DeviceReport): string => formatReport(report);
