import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Contestant, findFastest } from "../../packages/jaxscale/src/tune/search.ts";

/** Contestants whose runs take given times on a clock that only they move. */
function race(runMs: Readonly<Record<string, (sample: number) => number>>, compileMs = 10) {
  let time = 0;
  const samples = new Map<string, number>();
  const disposed = new Set<string>();
  const contestants = Object.entries(runMs).map(
    ([candidate, costOf]): Contestant<string> => ({
      candidate,
      prepare: async () => {
        time += compileMs;
        return {
          sample: async () => {
            const taken = samples.get(candidate) ?? 0;
            samples.set(candidate, taken + 1);
            const cost = costOf(taken);
            time += cost;
            return cost;
          },
          dispose: () => void disposed.add(candidate),
        };
      },
    }),
  );
  return { contestants, now: () => time, samples, disposed };
}

const constant = (ms: number) => () => ms;

test("the fastest of several wins", async () => {
  const { contestants, now, disposed } = race({
    defaults: constant(5),
    slow: constant(9),
    fast: constant(2),
    middling: constant(4),
  });
  const found = await findFastest(contestants, { budgetMs: 10_000, now });
  assert.is(found?.candidate, "fast");
  assert.is(found?.bestMs, 2);
  assert.is(found?.firstMs, 5);
  assert.is(found?.compared, 4);
  assert.is(disposed.size, 4);
});

test("the first run of each is dropped, for it compiles", async () => {
  const { contestants, now } = race({ defaults: constant(5), fast: (sample) => (sample === 0 ? 1000 : 2) });
  assert.is((await findFastest(contestants, { budgetMs: 10_000, now }))?.candidate, "fast");
});

test("the shortest run counts: a disturbance does not decide", async () => {
  const disturbed = (sample: number): number => (sample % 2 === 1 ? 50 : 2);
  const { contestants, now } = race({ defaults: constant(5), disturbed });
  assert.is((await findFastest(contestants, { budgetMs: 10_000, now }))?.candidate, "disturbed");
});

test("the defaults stay unless something is clearly faster", async () => {
  const { contestants, now } = race({ defaults: constant(100), barely: constant(99) });
  const found = await findFastest(contestants, { budgetMs: 10_000, now });
  assert.is(found?.candidate, "defaults");
  assert.is(found?.bestMs, 100);
});

test("the better half gets more samples than the rest", async () => {
  const { contestants, now, samples } = race({
    a: constant(8),
    b: constant(7),
    c: constant(6),
    d: constant(1),
    e: constant(9),
  });
  await findFastest(contestants, { budgetMs: 10_000, now });
  assert.ok((samples.get("d") ?? 0) > (samples.get("e") ?? 0));
  assert.is(samples.get("d"), samples.get("a"));
});

test("no sample begins after the budget is spent", async () => {
  for (const budgetMs of [0, 15, 40, 65, 100, 500]) {
    const { contestants, now } = race({ defaults: constant(7), b: constant(6), c: constant(5), d: constant(4) });
    const found = await findFastest(contestants, { budgetMs, now });
    // At most what was begun in time: one compilation or one run.
    assert.ok(now() <= budgetMs + 10, `${now()} ms of ${budgetMs}`);
    if (budgetMs <= 15) assert.is(found, undefined);
    if (budgetMs === 500) assert.equal([found?.candidate, found?.complete], ["d", true]);
    if (found && budgetMs < 100) assert.is(found.complete, false);
  }
});

test("a candidate that cannot run is left out", async () => {
  const { contestants, now } = race({ defaults: constant(5), fast: constant(2) });
  const impossible: Contestant<string> = { candidate: "impossible", prepare: async () => undefined };
  const [first, ...rest] = contestants;
  const found = await findFastest([first, impossible, ...rest], { budgetMs: 10_000, now });
  assert.is(found?.candidate, "fast");
  assert.is(found?.compared, 2);
});

test.run();
