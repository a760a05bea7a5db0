/** Waiting for the device: the event loop turns, so that Dawn looks for news, and leaves the cores to the device. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { keepTurning } from "../../packages/jaxscale/src/runtime/node/event-loop.ts";

/** Turns of the event loop until so many milliseconds are over. */
async function turnsWithin(milliseconds: number): Promise<number> {
  const end = performance.now() + milliseconds;
  let turns = 0;
  while (performance.now() < end) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  return turns;
}

test("after a long wait each turn rests, for 2 ms at most", async () => {
  const began = performance.now();
  const stop = keepTurning(() => 60_000);
  const turns = await turnsWithin(100);
  stop();
  const elapsed = performance.now() - began;
  assert.ok(turns > 1, `${turns} turns`);
  // A rest may end early by what a timer's resolution is.
  assert.ok(turns <= elapsed / 1.5 + 2, `${turns} turns in ${elapsed} ms`);
});

test("what comes soon is not delayed: a wait that has just begun does not rest", async () => {
  let rests = 0;
  const stop = keepTurning(() => {
    rests++;
    return 0;
  });
  const turns = await turnsWithin(20);
  stop();
  assert.ok(Math.abs(turns - rests) <= 2, `${turns} turns, ${rests} of ours`);
});

test("after it is stopped nothing keeps the loop busy", async () => {
  let asked = 0;
  const stop = keepTurning(() => {
    asked++;
    return 0;
  });
  await turnsWithin(5);
  stop();
  const before = asked;
  await turnsWithin(20);
  assert.is(asked, before);
});

test.run();
