/** Loading a model, with a progress bar on standard error. */
import {
  type Checkpoint,
  formatBytes,
  formatProgress,
  LanguageModel,
  modelMesh,
  type OnProgress,
  openCheckpoint,
  type Progress,
  randomModel,
} from "@jaxscale/models";
import { deviceCount } from "jaxscale";
import { type MeasuredFlags, type ModelFlags, type ParallelFlags, quantizeOf } from "./model-flags.ts";

const betweenDrawsMs = 100;
const eraseToEnd = "\u001b[K";

/** @throws CheckpointError, DeviceError; RangeError if the flags do not divide the model; the signal's reason */
export async function loadModel(
  { model_path, dtype, tp, dp, ep, ...quantizing }: ModelFlags,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<LanguageModel> {
  const parallelism = { tp, dp, ep };
  const bar = new ProgressBar();
  try {
    if (tp * dp * ep > 1) {
      // Before a download of weights that the flags may not divide.
      const opened = await openCheckpoint(model_path, { signal, onProgress: bar.show, withoutWeights: true });
      showMesh(opened, parallelism);
    }
    const quantize = quantizeOf(quantizing);
    const language = await LanguageModel.load(model_path, {
      dtype,
      signal,
      onProgress: bar.show,
      parallelism,
      quantize,
      kvDtype: quantizing.kv_dtype,
    });
    if (language.config.quantization && Object.values(quantize).some(Boolean))
      console.error("the checkpoint has codes: --quantize changes only its weights of floats");
    return language;
  } finally {
    bar.end();
  }
}

/** A checkpoint, or a config's model with random weights. @param from what `measuredFrom` gives @throws as `loadModel` */
export async function loadMeasured(flags: MeasuredFlags, from: string): Promise<LanguageModel> {
  if (flags.random_weights === undefined) return loadModel({ ...flags, model_path: from });
  const { config } = await openCheckpoint(from, { withoutWeights: true });
  const { tp, dp, ep, dtype } = flags;
  provideDevices(flags);
  return randomModel(config, {
    dtype,
    parallelism: { tp, dp, ep },
    quantize: quantizeOf(flags),
    kvDtype: flags.kv_dtype,
  });
}

/** Makes as many logical devices as the flags need, unless the environment says how many there are. */
export function provideDevices({ tp, dp, ep }: ParallelFlags): void {
  const needed = tp * dp * ep;
  if (process.env.JAXSCALE_DEVICES === undefined && deviceCount() < needed) process.env.JAXSCALE_DEVICES = `${needed}`;
}

/** Prints the mesh on standard error. @throws RangeError, ShardingError */
function showMesh({ config }: Checkpoint, flags: ParallelFlags): void {
  provideDevices(flags);
  console.error(`on ${modelMesh(config, flags)?.mesh}`);
}

/** Redrawn in place on a terminal; elsewhere one line at the end. */
export class ProgressBar {
  #drawnAt = 0;
  #last: Progress | undefined;

  readonly show: OnProgress = (progress) => {
    // The download and the load behind it have a bar each.
    if (this.#last !== undefined && progress.totalBytes !== this.#last.totalBytes) this.end();
    this.#last = progress;
    const now = performance.now();
    if (!process.stderr.isTTY || now - this.#drawnAt < betweenDrawsMs) return;
    this.#drawnAt = now;
    this.#draw(progress);
  };

  end(): void {
    const progress = this.#last;
    this.#last = undefined;
    if (progress === undefined) return;
    if (process.stderr.isTTY) {
      this.#draw(progress);
      process.stderr.write("\n");
    } else {
      const { doneBytes, totalBytes, elapsedMs, bytesPerSecond } = progress;
      console.error(
        `loaded ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)} in ${(elapsedMs / 1000).toFixed(2)} s, ${formatBytes(bytesPerSecond)}/s`,
      );
    }
  }

  #draw(progress: Progress): void {
    // A terminal that does not know its width says 0.
    process.stderr.write(`\r${formatProgress(progress, (process.stderr.columns || 80) - 1)}${eraseToEnd}`);
  }
}
