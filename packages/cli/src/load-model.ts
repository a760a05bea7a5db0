/** Loading a model, with a progress bar on standard error. */
import { formatBytes, formatProgress, LanguageModel, type OnProgress, type Progress } from "@jaxscale/models";
import type { ModelFlags } from "./model-flags.ts";

const betweenDrawsMs = 100;
const eraseToEnd = "\u001b[K";

/** @throws CheckpointError, DeviceError; the signal's reason */
export async function loadModel(
  { model_path, dtype }: ModelFlags,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<LanguageModel> {
  const bar = new ProgressBar();
  try {
    return await LanguageModel.load(model_path, { dtype, signal, onProgress: bar.show });
  } finally {
    bar.end();
  }
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
