/** Effects of programs on the host: run after them, in the order in which they were launched. */

import { sizeOf } from "../base/shapes.ts";
import { type HostTensor, hostTensor, unpackWords } from "../base/tensor-data.ts";
import type { ShapedArray } from "../jaxpr/ir.ts";
import type { Replay } from "../passes/lift-effects.ts";
import { getClient, type Storage } from "../runtime/index.ts";

let last: Promise<void> = Promise.resolve();

/** Reads the effect results of a launch once they are there, and replays its effects after those of earlier launches. */
export function replayBehind(storages: readonly Storage[], avals: readonly ShapedArray[], replay: Replay): void {
  const values = Promise.all(
    storages.map(async (storage, i): Promise<HostTensor> => {
      const { shape, dtype } = avals[i];
      return hostTensor(shape, dtype, unpackWords(dtype, await getClient().read(storage), sizeOf(shape)));
    }),
  );
  // The call's own results bring the error of a call that failed.
  last = Promise.all([last, values]).then(
    ([, effectResults]) => replay(effectResults),
    () => {},
  );
}

/** Resolves when everything that was printed before has appeared. @see https://docs.jax.dev/en/latest/_autosummary/jax.effects_barrier.html */
export const effectsBarrier = (): Promise<void> => last;
