/** Where a computation's time goes, on the device kernel by kernel, and on the host. */
import { hostRecorder, recorded, recordHost } from "../base/host-recorder.ts";
import { summarize } from "../profile/kernel-rows.ts";
import { Profile, Recording } from "../profile/profile.ts";
import { HostRecording } from "../profile/recording.ts";
import type { RunData } from "../profile/run-data.ts";
import { type DeviceProfile, getClient, measureRoofs } from "../runtime/index.ts";

export { type KernelProfile, type KernelTexts, type Rates, rates, summarize } from "../profile/kernel-rows.ts";
export { Profile, Recording } from "../profile/profile.ts";
export type { RunData } from "../profile/run-data.ts";
export type { HostTimes, Stretch } from "../profile/stretch.ts";
export type { TableOptions } from "../profile/table.ts";
export type { Roofs } from "../runtime/index.ts";

/** Options of `profiler.kernels`. */
export interface KernelsOptions {
  /** Runs that are not measured; the first of a function compiles. 1 by default; 0 if a run donates its arguments. */
  readonly warmup?: number;
  /** Measured runs. */
  readonly runs?: number;
  /** Whether to measure the adapter's roofs, once a device: on by default, takes about a second. */
  readonly roofs?: boolean;
}

/** Options of recordings. */
export interface RecordOptions {
  /** Whether to time kernels: on by default. Without, the host works as it does when nothing is recorded. */
  readonly kernels?: boolean;
  /** For a reader, such as the commit that was measured. */
  readonly name?: string;
  /** Whether to measure the adapter's roofs, once a device: on by default, takes about a second. */
  readonly roofs?: boolean;
}

/** Options of `profiler.trace`. */
export interface TraceOptions extends RecordOptions {
  /** Runs to stand beside this one in the page: what was parsed from their `profile.json`. */
  readonly beside?: readonly RunData[];
}

/**
 * Profiles what `run` launches, by timestamps around every kernel. Kernels then do not overlap, so that the sum may exceed
 * the time of an unprofiled run. Without timestamps the host times each kernel, submitted alone.
 */
export async function kernels(run: () => unknown, options: KernelsOptions = {}): Promise<Profile> {
  const { warmup = 1, runs = 1, roofs: wanted = true } = options;
  const client = getClient();
  for (let i = 0; i < warmup; i++) await run();
  const roofs = wanted ? await measureRoofs(client) : undefined;
  const { clock, timings } = await client.profile(async () => {
    for (let i = 0; i < runs; i++) await run();
  });
  return new Profile(summarize(timings, roofs), roofs, clock);
}

interface Running {
  readonly host: HostRecording;
  readonly stopDevices: () => Promise<DeviceProfile>;
  readonly options: RecordOptions;
}

let running: Running | undefined;

/**
 * Begins to record what the device and the host do, until `stop`.
 * @throws Error if a recording is under way @see https://docs.jax.dev/en/latest/_autosummary/jax.profiler.start_trace.html
 */
export async function start(options: RecordOptions = {}): Promise<void> {
  const client = getClient();
  refuseSecond();
  const stopDevices = (options.kernels ?? true) ? await client.record() : noKernels;
  refuseSecond();
  const host = new HostRecording(client.heldMemory(), client.statistics.bytesAllocated);
  running = { host, stopDevices, options };
  recordHost(host);
}

const noKernels = async (): Promise<DeviceProfile> => ({ clock: "timestamps", timings: [] });

function refuseSecond(): void {
  if (hostRecorder()) throw new Error("profiler: one recording at a time; got a second start before the first's stop");
}

/**
 * Ends the recording when all that was launched is done, and gives what was recorded.
 * @throws Error if nothing is recorded @see https://docs.jax.dev/en/latest/_autosummary/jax.profiler.stop_trace.html
 */
export async function stop(): Promise<Recording> {
  const { profile, host, endMs, options } = await end();
  const client = getClient();
  const roofs = (options.roofs ?? true) ? await measureRoofs(client) : undefined;
  const adapter = (await client.device()).found.name;
  return new Recording(profile, host, roofs, { name: options.name ?? "run", adapter, endMs });
}

async function end() {
  if (!running) throw new Error("profiler: stop must follow a start; got none");
  const { host, stopDevices, options } = running;
  running = undefined;
  await getClient()
    .idle()
    .finally(() => recordHost(undefined));
  const endMs = performance.now();
  return { profile: await stopDevices(), host, endMs, options };
}

/** Records what the device and the host do while `run` runs. @see `start` */
export async function record(run: () => unknown, options: RecordOptions = {}): Promise<Recording> {
  await start(options);
  try {
    await run();
  } catch (error) {
    await end();
    throw error;
  }
  return stop();
}

/**
 * Records what `run` does, and writes it into a folder: `index.html` to look at, `trace.json` for Perfetto, `profile.json`
 * to stand beside later runs. Where there are no files, as in a browser, use `record` and its `html()` and `traceJson()`.
 * @throws Error where there are no files @see https://docs.jax.dev/en/latest/_autosummary/jax.profiler.trace.html
 */
export async function trace(folder: string, run: () => unknown, options: TraceOptions = {}): Promise<Recording> {
  const { platform } = getClient();
  const { writeFile } = platform;
  if (!writeFile)
    throw new Error(
      `profiler.trace: writing ${folder} needs files, which a ${platform.name} has not; use profiler.record`,
    );
  const recording = await record(run, { name: folder, ...options });
  writeFile(folder, "index.html", await recording.html(...(options.beside ?? [])));
  writeFile(folder, "trace.json", recording.traceJson());
  writeFile(folder, "profile.json", `${JSON.stringify(recording.data())}\n`);
  return recording;
}

/**
 * Runs `f` as a span of that name on the host's track; nothing but `f` where nothing is recorded.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.profiler.TraceAnnotation.html
 */
export const annotate = <T>(name: string, f: () => T): T => recorded("annotation", name, f);
