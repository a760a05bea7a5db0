/** Node ends, or sleeps through the answer, when only the device is busy and nothing else is alive. */
import { platform } from "#platform";

let waiting = 0;
let since = 0;
let stop = (): void => {};

/** The same promise; until it settles, the event loop turns. */
export async function keepAlive<T>(promise: Promise<T>): Promise<T> {
  if (waiting++ === 0) {
    since = performance.now();
    stop = platform.keepTurning(() => performance.now() - since);
  }
  try {
    return await promise;
  } finally {
    // Others wait for something that comes later.
    since = performance.now();
    if (--waiting === 0) stop();
  }
}
