import { test } from "uvu";
import * as assert from "uvu/assert";
import { recordHost } from "../../packages/jaxscale/src/base/host-recorder.ts";
import { HostRecording } from "../../packages/jaxscale/src/profile/recording.ts";
import { sumOfAffine } from "./exchange-programs.ts";
import { affine, dispatch, floats, lazy, origin, rawKernel, rawProgram, words } from "./raw-programs.ts";
import { clientWith } from "./settings.ts";
import { countUp } from "./while-programs.ts";

const client = clientWith();

test("a profile has a time for every dispatch, in order, with its origin", async () => {
  const f = affine(8, 2);
  const x = client.upload(new Uint32Array(8));
  let y = x;
  const { timings } = await client.profile(() => {
    for (let i = 0; i < 3; i++) [y] = client.launch(f, [y]);
  });
  assert.equal(
    timings.map(({ kernel }) => kernel),
    ["affine", "affine", "affine"],
  );
  assert.equal(timings[0].origin.operations, ["add"]);
  assert.equal(timings[0].workgroups, [1, 1, 1]);
  assert.ok(timings.every(({ elapsedMs }) => elapsedMs > 0 && elapsedMs < 1000));
  assert.ok(timings[2].startMs > timings[1].startMs);
  assert.is(floats(await client.read(y))[0], 7);
});

test("a slow kernel takes longer than a fast one", async () => {
  const access = ["read", "read_write"] as const;
  const size = 4096;
  const loop = "var s = b0[i]; for (var j = 0; j < 4096; j++) { s = s * 0.5 + 1.0; } b1[i] = s;";
  const slow = lazy(
    rawProgram({
      kernels: [rawKernel("slow", access, loop), rawKernel("fast", access, "b1[i] = b0[i];")],
      slots: [
        { kind: "argument", index: 0, sizeBytes: size * 4 },
        { kind: "output", index: 0, sizeBytes: size * 4 },
        { kind: "output", index: 1, sizeBytes: size * 4 },
      ],
      steps: [dispatch(0, [0, 1], access, size), dispatch(1, [0, 2], access, size)],
      results: [1, 2],
    }),
  );
  await client.load(slow);
  const x = client.upload(new Uint32Array(size));
  const { timings } = await client.profile(() => {
    for (let i = 0; i < 5; i++) client.launch(slow, [x]);
  });
  const best = (kernel: string): number =>
    Math.min(...timings.filter((timing) => timing.kernel === kernel).map(({ elapsedMs }) => elapsedMs));
  assert.ok(best("slow") > 3 * best("fast"), `${best("slow")} and ${best("fast")} ms`);
});

test("more dispatches than a query set holds are all timed", async () => {
  const f = affine(8, 1);
  const x = client.upload(words([0, 0, 0, 0, 0, 0, 0, 0]));
  const { timings } = await client.profile(() => {
    for (let i = 0; i < 2100; i++) client.launch(f, [x])[0].dispose();
  });
  assert.is(timings.length, 2100);
  // The set was used again: no time is another batch's.
  assert.ok(timings.every(({ elapsedMs }) => elapsedMs > 0));
  const early = timings.filter(({ startMs }, i) => i > 0 && startMs < timings[i - 1].startMs);
  assert.is(early.length, 0, "in order");
});

test("loading compiles equal kernels once and leaves nothing for the first call", async () => {
  const fresh = clientWith();
  await fresh.load(affine(8, 2, "one"));
  const f = affine(8, 3, "two");
  const { program } = await fresh.load(f);
  assert.is(program.name, "two");
  assert.is(fresh.statistics.pipelinesCreated, 1);
  const x = fresh.upload(new Uint32Array(8));
  await fresh.idle();
  const before = fresh.statistics.submits;
  fresh.launch(f, [x]);
  await Promise.resolve();
  assert.is(fresh.statistics.submits, before + 1, "submitted with the turn");
});

test("without timestamps the host times every dispatch, each a submit of its own", async () => {
  const without = clientWith({ JAXSCALE_LIMITS: "timestamps=off" });
  const f = affine(8, 2);
  await without.load(f);
  const x = without.upload(new Uint32Array(8));
  await without.idle();
  const before = { ...without.statistics };
  const stop = await without.record();
  let y = x;
  for (let i = 0; i < 3; i++) [y] = without.launch(f, [y]);
  const { clock, timings } = await stop();
  assert.is(clock, "submits");
  assert.is(without.statistics.submits - before.submits, 3);
  assert.is(timings.length, 3);
  assert.ok(timings.every(({ elapsedMs }) => elapsedMs > 0));
  assert.ok(timings[1].startMs >= timings[0].startMs + timings[0].elapsedMs, "one after the other");
  assert.is(floats(await without.read(y))[0], 7);
});

test("loops of a device without timestamps are timed iteration by iteration", async () => {
  const without = clientWith({ JAXSCALE_LIMITS: "timestamps=off" });
  const x = without.upload(words([5, 0]));
  let out = x;
  const { timings } = await without.profile(() => {
    [out] = without.launch(countUp, [x]);
  });
  assert.equal([...floats(await without.read(out))], [5, 0 + 1 + 2 + 3 + 4]);
  assert.is(timings.length, 2 + 5 * 2, "start, check, and both in each of five iterations");
});

test("a program that copies has the copy among its times", async () => {
  const size = 64;
  const copies = lazy(
    rawProgram({
      kernels: [],
      slots: [
        { kind: "argument", index: 0, sizeBytes: size },
        { kind: "output", index: 0, sizeBytes: size },
      ],
      steps: [{ kind: "copy", from: 0, to: 1, sizeBytes: size, origin: origin("copy") }],
      results: [1],
    }),
  );
  const x = client.upload(words([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]));
  let y = x;
  const {
    timings: [copy],
  } = await client.profile(() => {
    [y] = client.launch(copies, [x]);
  });
  assert.equal([copy.kernel, copy.origin.bytes], ["copy", 2 * size]);
  assert.ok(copy.elapsedMs >= 0);
  assert.is(floats(await client.read(y))[15], 16);
});

test("device times lie on the host's clock: each kernel runs between its encoding and the end", async () => {
  const f = affine(8, 2);
  const x = client.upload(new Uint32Array(8));
  await client.load(f);
  const beganMs = performance.now();
  const { timings } = await client.profile(async () => {
    for (let i = 0; i < 5; i++) await client.wait(client.launch(f, [x])[0]);
  });
  const endedMs = performance.now();
  for (const { startMs, elapsedMs, encodedMs = 0 } of timings) {
    assert.ok(encodedMs > beganMs && startMs >= encodedMs, `encoded at ${encodedMs}, begun at ${startMs}`);
    // Clocks may differ by what a submit takes.
    assert.ok(startMs + elapsedMs < endedMs + 5, `${startMs + elapsedMs} after ${endedMs}`);
  }
});
for (const timestamps of ["on", "off"])
  test(`exchanges between GPUs are spans of the host, kernels lie on their GPUs, timestamps ${timestamps}`, async () => {
    const two = clientWith({
      JAXSCALE_ADAPTER: "any,any",
      ...(timestamps === "off" && { JAXSCALE_LIMITS: "timestamps=off" }),
    });
    const f = sumOfAffine();
    await two.load(f, [0, 1]);
    const args = [0, 1].map((gpu) => [two.upload(words([1, 2, 3, 4]), 16, "x", gpu)]);
    const host = new HostRecording(new Map(), 0);
    recordHost(host);
    let results: ReturnType<typeof two.launchOn> = [];
    const { timings } = await two
      .profile(() => {
        results = two.launchOn([0, 1], f, args);
      })
      .finally(() => recordHost(undefined));
    assert.equal(floats(await two.read(results[1][0])), [16, 20, 24, 28]);
    assert.equal(timings.map(({ gpu, kernel }) => `${gpu} ${kernel}`).sort(), [
      "0 add_place",
      "0 affine",
      "1 add_place",
      "1 affine",
    ]);
    const exchanges = host.spans.filter(({ phase }) => phase === "exchange");
    assert.equal(
      exchanges.map(({ name, bytes }) => `${name} ${bytes}`),
      ["allReduce 16", "allReduce 16"],
    );
    for (const { startMs, endMs } of exchanges) assert.ok(endMs > startMs);
  });

test.run();
