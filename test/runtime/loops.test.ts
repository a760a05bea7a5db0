import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Slot, Step } from "../../packages/jaxscale/src/kernel/program.ts";
import type { LazyProgram } from "../../packages/jaxscale/src/runtime/lazy-program.ts";
import { affine, copy, dispatch, floats, lazy, loop, rawKernel, rawProgram, words } from "./raw-programs.ts";
import { clientWith } from "./settings.ts";

const output = (index: number, size: number): Slot => ({ kind: "output", index, sizeBytes: 4 * size });
const argument = (index: number, size: number): Slot => ({ kind: "argument", index, sizeBytes: 4 * size });
const inPlace = ["read_write"] as const;

const zero = rawKernel("zero", inPlace, "b0[i] = 0.0;");
/** b0 = 3 b0 + iteration: equal only if every iteration ran once, in order, with its number. */
const append = rawKernel("append", inPlace, "b0[i] = (3.0 * b0[i] + f32(k.x0)) % 8191.0;", ["i32"]);
const afterTurns = (turns: number): number => {
  let x = 0;
  for (let turn = 0; turn < turns; turn++) x = (3 * x + turn) % 8191;
  return x;
};

function counting(trips: number): LazyProgram {
  return lazy(
    rawProgram({
      name: "counting",
      kernels: [zero, append],
      slots: [argument(0, 1), output(0, 1)],
      steps: [
        dispatch(0, [1], inPlace, 1),
        loop(0, trips, [dispatch(1, [1], inPlace, 1, [{ iteration: 0 }])]),
        dispatch(1, [1], inPlace, 1, [7]),
      ],
      results: [1],
    }),
  );
}

/** 10 turns of: 3 turns that write all numbers, then one step of the outer alone; digits collected in order. */
function nested(): LazyProgram {
  const digits = rawKernel("digits", inPlace, "b0[i] = (3.0 * b0[i] + f32(k.x0 * 10 + k.x1) + k.x2) % 8191.0;", [
    "i32",
    "i32",
    "f32",
  ]);
  const asFloat = rawKernel("as_float", inPlace, "b0[i] = (3.0 * b0[i] + k.x0) % 8191.0;", ["f32"]);
  const inner = dispatch(1, [1], inPlace, 1, [{ iteration: 0 }, { iteration: 1 }, 0.5]);
  const body: readonly Step[] = [loop(1, 3, [inner]), dispatch(2, [1], inPlace, 1, [{ iteration: 0 }])];
  return lazy(
    rawProgram({
      name: "nested",
      kernels: [zero, digits, asFloat],
      slots: [argument(0, 1), output(0, 1)],
      steps: [dispatch(0, [1], inPlace, 1), loop(0, 10, body)],
      results: [1],
    }),
  );
}

const afterNested = (): number => {
  let x = 0;
  for (let i = 0; i < 10; i++) {
    for (let j = 0; j < 3; j++) x = (3 * x + i * 10 + j + 0.5) % 8191;
    x = (3 * x + i) % 8191;
  }
  return x;
};

for (const [space, settings] of [
  ["immediates", {}],
  ["uniform buffers", { JAXSCALE_LIMITS: "maxImmediateSize=0" }],
] as const) {
  test(`a loop tells its turns their numbers, by ${space}`, async () => {
    const client = clientWith(settings);
    const x = client.upload(words([0]));
    for (const trips of [0, 1, 2, 1500, 5000]) {
      const f = counting(trips);
      for (let call = 0; call < 2; call++)
        assert.equal(floats(await client.read(client.launch(f, [x])[0])), [(3 * afterTurns(trips) + 7) % 8191]);
    }
  });

  test(`loops in loops tell the numbers of both, by ${space}`, async () => {
    const client = clientWith(settings);
    const f = nested();
    const x = client.upload(words([0]));
    for (let call = 0; call < 3; call++)
      assert.equal(floats(await client.read(client.launch(f, [x])[0])), [afterNested()]);
  });

  test(`calls that share a submit do not see each other's turns, by ${space}`, async () => {
    const client = clientWith(settings);
    const [f, g, h] = [counting(5), nested(), affine(1, 2)];
    const x = client.upload(words([0]));
    for (const p of [f, g, h]) await client.load(p);
    const results = Array.from({ length: 6 }, () => [f, h, g].map((p) => client.launch(p, [x])[0])).flat();
    const expected = [(3 * afterTurns(5) + 7) % 8191, 1, afterNested()];
    for (const [i, y] of results.entries()) assert.equal(floats(await client.read(y)), [expected[i % 3]]);
  });
}

test("a loop of few dispatches is one submit within the call, a long one is several", async () => {
  const client = clientWith();
  const x = client.upload(words([0]));
  for (const [trips, least, most] of [
    [1500, 1, 1],
    [9000, 5, 6],
  ]) {
    const f = counting(trips);
    await client.load(f);
    await client.idle();
    const before = { ...client.statistics };
    client.launch(f, [x]);
    assert.is(client.statistics.dispatches - before.dispatches, trips + 2);
    const submits = client.statistics.submits - before.submits;
    assert.ok(least <= submits && submits <= most, `${submits} submits for ${trips} turns`);
  }
});

test("turns whose work is estimated long are submitted apart", async () => {
  const client = clientWith();
  const heavy = { ...dispatch(1, [1], inPlace, 1, [{ iteration: 0 }]) };
  const work = { ...heavy.origin, bytes: 3e12 };
  const f = lazy(
    rawProgram({
      kernels: [zero, append],
      slots: [argument(0, 1), output(0, 1)],
      steps: [dispatch(0, [1], inPlace, 1), loop(0, 4, [{ ...heavy, origin: work } as Step])],
      results: [1],
    }),
  );
  await client.load(f);
  const x = client.upload(words([0]));
  await client.idle();
  const before = client.statistics.submits;
  const [y] = client.launch(f, [x]);
  assert.is(client.statistics.submits - before, 5);
  assert.equal(floats(await client.read(y)), [afterTurns(4)]);
});

test("10,000 turns make no buffer and no bind group", async () => {
  const client = clientWith();
  const f = counting(10_000);
  const x = client.upload(words([0]));
  await client.load(f);
  client.launch(f, [x])[0].dispose();
  await client.idle();
  const before = { ...client.statistics };
  client.launch(f, [x])[0].dispose();
  await client.idle();
  assert.is(client.statistics.buffersCreated, before.buffersCreated);
  assert.is(client.statistics.bindGroupsCreated, before.bindGroupsCreated);
});

test("a loop of 120,000 turns does not block the call, and counts right", async () => {
  const client = clientWith();
  const f = counting(120_000);
  await client.load(f);
  const x = client.upload(words([0]));
  await client.idle();
  const before = client.statistics.dispatches;
  const [y] = client.launch(f, [x]);
  assert.ok(client.statistics.dispatches - before < 5000);
  assert.equal(floats(await client.read(y)), [(3 * afterTurns(120_000) + 7) % 8191]);
});

test("copies in a body are made every turn", async () => {
  const client = clientWith();
  const access = ["read", "read_write"] as const;
  const f = lazy(
    rawProgram({
      kernels: [rawKernel("double", access, "b1[i] = 2.0 * b0[i] + 1.0;")],
      slots: [argument(0, 4), output(0, 4), { kind: "temporary", arena: 0, offsetBytes: 0, sizeBytes: 16 }],
      arenas: [16],
      steps: [copy(0, 1, 16), loop(0, 10, [dispatch(0, [1, 2], access, 4), copy(2, 1, 16)])],
      results: [1],
    }),
  );
  const [y] = client.launch(f, [client.upload(words([0, 1, 2, 3]))]);
  assert.equal(
    floats(await client.read(y)),
    [0, 1, 2, 3].map((v) => 1024 * v + 1023),
  );
});

test("a profile has a time for each turn's dispatches", async () => {
  const client = clientWith();
  const f = nested();
  const x = client.upload(words([0]));
  const { timings } = await client.profile(() => client.launch(f, [x]));
  assert.is(timings.filter(({ kernel }) => kernel === "digits").length, 30);
  assert.is(timings.filter(({ kernel }) => kernel === "as_float").length, 10);
});
test.run();
