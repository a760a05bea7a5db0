/** Node ends, or sleeps through the answer, when only the device is busy and no timer is alive. */

let waiting = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** The same promise; until it settles, the event loop turns. */
export async function keepAlive<T>(promise: Promise<T>): Promise<T> {
  waiting++;
  timer ??= setInterval(() => {}, 50);
  try {
    return await promise;
  } finally {
    if (--waiting === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  }
}
