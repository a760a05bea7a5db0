import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Client } from "../../packages/jaxscale/src/runtime/client.ts";
import type { LazyProgram } from "../../packages/jaxscale/src/runtime/lazy-program.ts";
import { affine, dispatch, floats, loop, words } from "./raw-programs.ts";
import { clientWith, rejection } from "./settings.ts";
import {
  add,
  check,
  check100,
  checkInner,
  countUp,
  flag,
  innerFlag,
  innerState,
  innerTurn,
  limits,
  program,
  rrw,
  rw,
  start,
  state,
  turn,
} from "./while-programs.ts";

const unhandled: unknown[] = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

const call = (client: Client, f: LazyProgram, ...values: number[]) =>
  client.launch(f, [client.upload(words([...values, 0].slice(0, 2)))])[0];
const sumBelow = (n: number): number => (n * (n - 1)) / 2;

for (const [space, settings] of [
  ["immediates", {}],
  ["uniform buffers", { JAXSCALE_LIMITS: "maxImmediateSize=0" }],
] as const)
  test(`a while runs as many turns as the device says, by ${space}`, async () => {
    const client = clientWith(settings);
    for (const turns of [0, 1, 5, 1000, 3])
      assert.equal(floats(await client.read(call(client, countUp, turns))), [turns, sumBelow(turns)]);
  });

test("a while hears from the device seldom: at most log2 of the turns, one for 64 more, and two", async () => {
  const client = clientWith();
  await client.load(countUp);
  const { gpu } = await client.device();
  let maps = 0;
  const createBuffer = gpu.createBuffer.bind(gpu);
  gpu.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    const mapAsync = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = (...parameters) => {
      maps++;
      return mapAsync(...parameters);
    };
    return buffer;
  };
  for (const turns of [0, 1, 5, 1000]) {
    const y = call(client, countUp, turns);
    maps = 0;
    await client.wait(y);
    const bound = Math.ceil(Math.log2(turns + 1)) + Math.ceil(turns / 64) + 2;
    assert.ok(maps <= bound, `${maps} round trips for ${turns} turns, more than ${bound}`);
  }
});

test("a while with a declared maximum runs that many turns in one submit, within the call", async () => {
  const client = clientWith();
  const f = program("at_most", [start(state), check, loop(0, 100, [turn(), check], flag)]);
  await client.load(f);
  const x = client.upload(words([42, 0]));
  await client.idle();
  const before = { ...client.statistics };
  const [y] = client.launch(f, [x]);
  assert.is(client.statistics.submits - before.submits, 1);
  assert.is(client.statistics.dispatches - before.dispatches, 202);
  assert.equal(floats(await client.read(y)), [42, sumBelow(42)]);
  assert.equal(floats(await client.read(call(client, f, 1000))), [100, sumBelow(100)]);
});

test("launches after a while see its result, in order, and none waits for the host's program", async () => {
  const client = clientWith();
  const [f, g] = [countUp, affine(2, 2)];
  for (const p of [f, g]) await client.load(p);
  const x = client.upload(words([300, 0]));
  const [a] = client.launch(f, [x]);
  const [b] = client.launch(g, [a]);
  const [c] = client.launch(f, [b]);
  const [d] = client.launch(g, [x]);
  const other = client.upload(words([5, 6]));
  assert.equal(floats(await client.read(other)), [5, 6]);
  assert.equal(floats(await client.read(a)), [300, sumBelow(300)]);
  assert.equal(floats(await client.read(b)), [601, 2 * sumBelow(300) + 1]);
  assert.equal(floats(await client.read(c)), [601, sumBelow(601)]);
  assert.equal(floats(await client.read(d)), [601, 1]);
  assert.equal(floats(await client.read(x)), [300, 0]);
});

test("steps after a while, and a second while, see what it left", async () => {
  const client = clientWith();
  const f = program("twice", [
    start(state),
    check,
    loop(0, null, [turn(), check], flag),
    start(innerState),
    checkInner,
    dispatch(2, [innerState, limits, innerFlag], rrw, 1),
    loop(0, null, [dispatch(3, [innerFlag, innerState], rw, 2, [{ iteration: 0 }]), checkInner], innerFlag),
    add(limits),
  ]);
  for (const [first, second] of [
    [20, 30],
    [3, 0],
    [70, 1],
  ])
    assert.equal(floats(await client.read(call(client, f, first, second))), [
      first,
      sumBelow(first) + second + sumBelow(second),
    ]);
});

const inner = [start(innerState), start(innerFlag), checkInner, loop(1, null, [innerTurn, checkInner], innerFlag)];

test("a while in a loop runs anew each turn", async () => {
  const client = clientWith();
  const f = program("while_in_loop", [start(state), loop(0, 6, [...inner, add(limits)])]);
  for (const turns of [0, 1, 9, 200])
    assert.equal(floats(await client.read(call(client, f, 1, turns))), [0, 6 * (turns + sumBelow(turns))]);
});

test("a while in a while runs anew each turn", async () => {
  const client = clientWith();
  const f = program("while_in_while", [start(state), check, loop(0, null, [...inner, add(flag), turn(), check], flag)]);
  for (const [outer, turns] of [
    [0, 5],
    [7, 0],
    [7, 11],
    [2, 150],
  ])
    assert.equal(floats(await client.read(call(client, f, outer, turns))), [
      outer,
      outer * (turns + sumBelow(turns)) + sumBelow(outer),
    ]);
});

test("a while in a loop with a declared maximum stops with it", async () => {
  const client = clientWith();
  const body = [...inner, add(flag), turn(), check];
  const f = program("while_in_bounded", [start(state), check, loop(0, 1000, body, flag)]);
  const before = client.statistics.dispatches;
  assert.equal(floats(await client.read(call(client, f, 3, 2))), [3, 3 * 3 + 3]);
  assert.ok(client.statistics.dispatches - before < 200);
});

test("a loop in a while runs all its turns, each turn", async () => {
  const client = clientWith();
  const f = program("loop_in_while", [start(state), check, loop(0, null, [loop(1, 4, [turn(1)]), check], flag)]);
  assert.equal(floats(await client.read(call(client, f, 12))), [12, 3 * 6]);
});

test("a donated argument is taken over by a while and gone for others", async () => {
  const client = clientWith();
  const f = program("donating", [check100, loop(0, null, [turn(), check100], flag)], limits);
  const x = client.upload(words([90, 0]));
  await client.load(f);
  await client.read(x);
  const before = client.statistics.bytesInUse;
  const [y] = client.launch(f, [x]);
  assert.ok(x.deleted);
  assert.equal(floats(await client.read(y)), [100, sumBelow(10)]);
  await client.idle();
  assert.is(client.statistics.bytesInUse, before);
});

test("a profile counts every turn that was run", async () => {
  const client = clientWith();
  const x = client.upload(words([5, 0]));
  const { timings } = await client.profile(() => client.launch(countUp, [x]));
  const turns = timings.filter(({ kernel }) => kernel === "turn").length;
  assert.ok(turns >= 5 && turns <= 15, `${turns} turns`);
  assert.is(timings.length, 2 * turns + 2);
});

test("10 more calls of a while make no buffer and no bind group", async () => {
  const client = clientWith();
  const x = client.upload(words([100, 0]));
  const run = async (): Promise<void> => {
    const [y] = client.launch(countUp, [x]);
    await client.read(y);
    y.dispose();
    await client.idle();
  };
  for (let i = 0; i < 3; i++) await run();
  const before = { ...client.statistics };
  for (let i = 0; i < 10; i++) await run();
  assert.is(client.statistics.buffersCreated, before.buffersCreated);
  assert.is(client.statistics.bindGroupsCreated, before.bindGroupsCreated);
  assert.is(client.statistics.bytesInUse, before.bytesInUse);
});

test("a device lost in mid-while fails its results and what depends on them, and work goes on", async () => {
  for (const wait of [0, 1, 3, 8]) {
    const client = clientWith();
    await client.load(countUp);
    const [y] = client.launch(countUp, [client.upload(words([1e7, 0]))]);
    const [z] = client.launch(affine(2, 2), [y]);
    const reads = [client.read(y), client.read(z), client.wait(y)].map((read) => rejection(read));
    await new Promise((resolve) => setTimeout(resolve, wait));
    (await client.device()).gpu.destroy();
    for (const error of await Promise.all(reads)) {
      assert.is(error.name, "DeviceError");
      assert.match(error.message, /was lost \(destroyed\)/);
    }
    assert.equal(floats(await client.read(call(client, countUp, 9))), [9, 36]);
  }
});

test("no rejection went unhandled", async () => {
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(unhandled, []);
});
test.run();
