/**
 * What sharding costs: `npx tsx bench/sharding.ts [--rounds=15] [--layers=2]`. Steps on one device and on a mesh take turns, so that a
 * busy machine disturbs them alike; ratios are medians over the turns.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ready, statistics } from "jaxscale";
import { atMost, counted } from "./figures.ts";
import { Runner, type StepSizes, stepArguments, stepOn, typesOnly } from "./sharding/step.ts";
import { median, takeTurns } from "./statistics.ts";
import { runSuite } from "./suite.ts";

process.env.JAXSCALE_DEVICES ??= "8";
const { values } = parseArgs({
  options: { rounds: { type: "string", default: "15" }, layers: { type: "string", default: "2" } },
});
const rounds = Number(values.rounds);
const sizes: StepSizes = {
  layers: Number(values.layers),
  batch: 1,
  tokens: 1,
  capacity: 256,
  hidden: 1024,
  heads: 16,
  keyHeads: 8,
  headDim: 64,
  feedForward: 2816,
};

/** Time of the processor for tracing, partitioning and stacking: the text of one device's program asks for all of them. */
async function hostTime(devices: number, deep: StepSizes): Promise<number> {
  const started = process.cpuUsage();
  stepOn(devices, deep)
    .lower(...stepArguments(typesOnly, deep))
    .asText("partitioned");
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1000;
}

await runSuite(async ({ add }) => {
  await ready();
  const deep = { ...sizes, layers: 40 };
  const host = await takeTurns({ one: () => hostTime(1, deep), eight: () => hostTime(8, deep) }, { rounds: 7 });
  const besides = Math.min(...host.eight) - Math.min(...host.one);
  add({
    name: "40 layers traced and partitioned over 8, time of the processor",
    unit: "ms",
    samples: { jaxscale: host.eight, "own, one device": host.one },
    figures: [atMost("partitioning", besides, "ms", 1000)],
  });

  for (const [work, tokens, present] of [
    ["decode, 128 present", 1, 128],
    ["prefill 128", 128, 0],
  ] as const) {
    const runners = await Promise.all([1, 2, 8].map((devices) => Runner.make(devices, { ...sizes, tokens }, present)));
    const [alone, ...split] = runners;
    const works = runners.map((runner) => [`${runner.devices}`, () => runner.sample()] as const);
    const samples = await takeTurns(Object.fromEntries(works), { rounds });
    add({
      name: `${work}, one device`,
      unit: "ms",
      samples: { jaxscale: samples[1] },
      figures: [counted("dispatches", alone.dispatches), counted("peak memory", alone.peakBytes, "bytes")],
    });
    for (const { devices, dispatches, peakBytes, sent, collectives } of split) {
      const isPair = devices === 2;
      // Two all-reduces a layer, of float32 [1, tokens, hidden].
      const least = (2 * sizes.layers * 2 * (devices - 1) * tokens * sizes.hidden * 4) / devices;
      const times = samples[devices].map((time, round) => time / samples[1][round]);
      add({
        name: `${work}, tensor = ${devices}`,
        unit: "ms",
        samples: { jaxscale: samples[devices], "own, one device": samples[1] },
        figures: [
          atMost("times of one device", median(times), "×", ...(isPair ? [1.15] : [])),
          atMost("dispatches of one device", dispatches / alone.dispatches, "×", ...(isPair ? [] : [1.5])),
          atMost("peak memory of one device", peakBytes / alone.peakBytes, "×", 1.05),
          atMost(`bytes sent by ${collectives}, of the least`, sent / least, "×", 1),
          counted("dispatches", dispatches),
          counted("peak memory", peakBytes, "bytes"),
          counted("sent", sent, "bytes"),
        ],
      });
    }
    for (const runner of runners) runner.dispose();
  }

  const runner = await Runner.make(8, sizes, 0);
  const made = statistics().submits;
  const started = performance.now();
  await runner.step();
  const submits = statistics().submits - made;
  add({
    name: "a single decode step of 8 devices",
    unit: "ms",
    samples: { jaxscale: [performance.now() - started] },
    figures: [counted("submits", submits, "", 1)],
  });

  const name = "all-reduce of 4 MB between two GPUDevices";
  const child = spawnSync(
    process.execPath,
    ["--import", "tsx", fileURLToPath(new URL("sharding/all-reduce.ts", import.meta.url)), `${rounds}`],
    { encoding: "utf8", env: { ...process.env, JAXSCALE_ADAPTER: "any,any", JAXSCALE_DEVICES: "2" } },
  );
  if (child.status !== 0) {
    add({ name, unit: "ms", samples: {}, errors: { jaxscale: child.stderr.trim().split("\n").at(-1) ?? "" } });
    return;
  }
  const times = child.stdout.trim().split("\n").map(Number);
  const rate = (4 * 2 ** 20) / median(times) / 1e6;
  add({ name, unit: "ms", samples: { jaxscale: times }, figures: [{ name: "rate", value: rate, unit: "GB/s" }] });
});
