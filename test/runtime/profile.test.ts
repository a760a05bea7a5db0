import { test } from "uvu";
import * as assert from "uvu/assert";
import { affine, dispatch, floats, lazy, rawKernel, rawProgram, words } from "./raw-programs.ts";
import { clientWith, rejection } from "./settings.ts";

const client = clientWith();

test("a profile has a time for every dispatch, in order, with its origin", async () => {
  const f = affine(8, 2);
  const x = client.upload(new Uint32Array(8));
  let y = x;
  const timings = await client.profile(() => {
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
  const timings = await client.profile(() => {
    for (let i = 0; i < 5; i++) client.launch(slow, [x]);
  });
  const best = (kernel: string): number =>
    Math.min(...timings.filter((timing) => timing.kernel === kernel).map(({ elapsedMs }) => elapsedMs));
  assert.ok(best("slow") > 3 * best("fast"), `${best("slow")} and ${best("fast")} ms`);
});

test("more dispatches than a query set holds are all timed", async () => {
  const f = affine(8, 1);
  const x = client.upload(words([0, 0, 0, 0, 0, 0, 0, 0]));
  const timings = await client.profile(() => {
    for (let i = 0; i < 2100; i++) client.launch(f, [x])[0].dispose();
  });
  assert.is(timings.length, 2100);
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

test("a device without timestamps cannot profile", async () => {
  const without = clientWith({ JAXSCALE_LIMITS: "timestamps=off" });
  assert.match((await rejection(without.profile(() => {}))).message, /timestamp/);
});
test.run();
