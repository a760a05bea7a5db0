/**
 * Dawn's binding for Node looks for news at every turn of the event loop, which would turn as fast as a core can while the device
 * works; software drivers compute on that core. So turns rest, the longer the wait the longer.
 */
const longestRestMs = 2;
/** Of the time waited so far, what a rest may add to it. */
const share = 1 / 32;
const shortestRestMs = 0.05;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

export function keepTurning(waitedMs: () => number): () => void {
  let isOver = false;
  const turn = (): void => {
    if (isOver) return;
    const rest = Math.min(longestRestMs, share * waitedMs());
    if (rest >= shortestRestMs) Atomics.wait(sleeper, 0, 0, rest);
    setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    isOver = true;
  };
}
