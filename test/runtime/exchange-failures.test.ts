import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Client } from "../../packages/jaxscale/src/runtime/client.ts";
import { foldWords } from "../../packages/jaxscale/src/runtime/fold.ts";
import type { Storage } from "../../packages/jaxscale/src/runtime/storage.ts";
import { collectiveProgram, onAll, repeatedSum, scaledSum, sumOfAffine } from "./exchange-programs.ts";
import { affine, dispatch, floats, lazy, rawKernel, rawProgram, words } from "./raw-programs.ts";
import { clientWith, rejection } from "./settings.ts";

const twoGpus = (settings: Readonly<Record<string, string>> = {}) =>
  clientWith({ JAXSCALE_ADAPTER: "any,any", ...settings });
const given = [
  [1, 2, 3, 4],
  [5, 6, 7, 8],
] as const;
const argsOn = (client: Client, values: readonly (readonly number[])[] = given): Storage[][] =>
  values.map((list, gpu) => [client.upload(words(list), 4 * list.length, `float32[${list.length}]`, gpu)]);

/** The message that the results on all GPUs share, and how long it took. */
async function failure(
  client: Client,
  results: readonly (readonly Storage[])[],
): Promise<{ text: string; ms: number }> {
  const started = performance.now();
  const errors = await Promise.all(results.map(([y]) => rejection(client.read(y))));
  assert.ok(errors.every(({ name }) => name === "DeviceError"));
  assert.is(new Set(errors.map(({ message }) => message)).size, 1);
  return { text: errors[0].message, ms: performance.now() - started };
}

/** x times a number that comes with the call. */
const scaled = lazy(
  rawProgram({
    name: "scaled",
    kernels: [rawKernel("scaled", ["read", "read", "read_write"], "b2[i] = b0[i] * b1[0];")],
    slots: [
      { kind: "argument", index: 0, sizeBytes: 16 },
      { kind: "argument", index: 1, sizeBytes: 4 },
      { kind: "output", index: 0, sizeBytes: 16 },
    ],
    steps: [dispatch(0, [0, 1, 2], ["read", "read", "read_write"], 4)],
    results: [2],
  }),
);

const named = /^sum_of_affine: allReduce for allReduce over axis x, called .*raw-programs\.ts:\d+:\d+\)?: /;

test("a GPU that is lost while its kernels run ends the call on all GPUs, and the next call runs", async () => {
  const client = twoGpus();
  const f = sumOfAffine();
  await onAll(client, f, given);
  const gpu = (await client.device(1)).gpu;
  const results = client.launchOn([0, 1], f, argsOn(client));
  gpu.destroy();
  const { text } = await failure(client, results);
  assert.match(text, named);
  assert.match(text, /GPU 1 failed: device: .* was lost/);
  assert.equal((await onAll(client, f, given))[0], [14, 18, 22, 26]);
});

test("a GPU that is lost between iterations of a loop ends the call on all", async () => {
  const client = twoGpus();
  const f = repeatedSum(null);
  await onAll(client, f, [
    [1, 1],
    [1, 1],
  ]);
  const { gpu } = await client.device(1);
  const createCommandEncoder = gpu.createCommandEncoder.bind(gpu);
  let left = 12;
  gpu.createCommandEncoder = (descriptor) => {
    if (left-- === 0) gpu.destroy();
    return createCommandEncoder(descriptor);
  };
  const { text } = await failure(
    client,
    client.launchOn(
      [0, 1],
      f,
      argsOn(client, [
        [1000, 1],
        [1000, 1],
      ]),
    ),
  );
  assert.match(text, /^repeated_sum: allReduce for allReduce over axis x, called .*GPU 1 failed: device: .* was lost/);
});

test("a GPU that is lost behind a mapping is the one that is named, whichever waits for it", async () => {
  for (const lost of [0, 1])
    for (let turn = 0; turn < 4; turn++) {
      const client = twoGpus();
      const f = repeatedSum(null);
      const from = (first: number) => [0, 1].map(() => [first, 1]);
      await onAll(client, f, from(1));
      const { gpu } = await client.device(lost);
      const { prototype } = GPUBuffer;
      const { mapAsync } = prototype;
      let left = turn;
      prototype.mapAsync = async function (...args) {
        await mapAsync.apply(this, args);
        if (left-- === 0) gpu.destroy();
      };
      const results = client.launchOn([0, 1], f, argsOn(client, from(1000)));
      const { text } = await failure(client, results).finally(() => {
        prototype.mapAsync = mapAsync;
      });
      assert.match(text, new RegExp(`: GPU ${lost} failed: device: .*was lost`), `turn ${turn}`);
    }
});

test("an argument that failed on one GPU ends the call on all, without a wait", async () => {
  const client = twoGpus();
  const f = sumOfAffine();
  await onAll(client, f, given);
  const args = argsOn(client);
  await client.wait(args[1][0]);
  (await client.device(1)).gpu.destroy();
  const results = client.launchOn([0, 1], f, args);
  const { text } = await failure(client, results);
  assert.match(text, named);
  assert.match(text, /GPU 1 failed: .*was lost/);
});

/** Lets no kernel of a GPU be compiled until the returned function is called. */
async function holdBack(client: Client, gpu: number): Promise<() => void> {
  const { gpu: device } = await client.device(gpu);
  const compile = device.createComputePipelineAsync.bind(device);
  let arrive = (): void => {};
  const late = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  device.createComputePipelineAsync = (descriptor) => late.then(() => compile(descriptor));
  return arrive;
}

/** Settles once the GPU that is not held back waits for the other. @param launches what `statistics` said before the call */
async function untilWaiting({ statistics }: Client, launches: number): Promise<void> {
  while (statistics.launches === launches) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("a GPU that does not come ends the call at the deadline, and others go on", async () => {
  const client = twoGpus({ JAXSCALE_EXCHANGE_TIMEOUT: "1" });
  const args = argsOn(client);
  const arrive = await holdBack(client, 1);
  const results = client.launchOn([0, 1], sumOfAffine(), args);
  const started = performance.now();
  const { message } = await rejection(client.read(results[0][0]));
  assert.match(message, named);
  assert.match(message, /within 1 s \(JAXSCALE_EXCHANGE_TIMEOUT\); GPU 0 still waits for those of GPU 1$/);
  const elapsed = performance.now() - started;
  assert.ok(elapsed > 990 && elapsed < 30_000, `${elapsed} ms`);
  assert.equal(floats(await client.read(client.launch(affine(4, 2), [args[0][0]])[0])), [3, 5, 7, 9]);
  // It finds that the call has ended.
  arrive();
  assert.is((await rejection(client.read(results[1][0]))).message, message);
});

test("the deadline is a number of seconds", () => {
  assert.throws(
    () => twoGpus({ JAXSCALE_EXCHANGE_TIMEOUT: "soon" }),
    /^DeviceError: JAXSCALE_EXCHANGE_TIMEOUT: must be seconds above 0; got soon|^JAXSCALE_EXCHANGE_TIMEOUT: must be seconds above 0; got soon/,
  );
});

test("a client that is disposed of ends exchanges under way", async () => {
  const client = twoGpus();
  const args = argsOn(client);
  const arrive = await holdBack(client, 1);
  const { launches } = client.statistics;
  const [[y]] = client.launchOn([0, 1], sumOfAffine(), args);
  const read = rejection(client.read(y));
  await untilWaiting(client, launches);
  client.dispose();
  assert.match((await read).message, /GPUs must not exchange anything after the client was disposed of/);
  assert.throws(() => client.launchOn([0, 1], sumOfAffine(), argsOn(client)), /after the client was disposed of/);
  arrive();
});

test("a call that needs nothing of a waiting one overtakes it; one that needs its result does not", async () => {
  const client = twoGpus();
  const args = argsOn(client);
  const f = affine(4, 2);
  const x = client.upload(words(given[0]));
  await client.wait(client.launch(f, [x])[0]);
  await client.wait(client.launch(scaled, [x, words([3])[0]])[0]);
  const arrive = await holdBack(client, 1);
  const { launches } = client.statistics;
  const [[sum], [otherSum]] = client.launchOn([0, 1], sumOfAffine(), args);
  await untilWaiting(client, launches);
  const [behind] = client.launch(f, [sum]);
  for (const factor of [2, 3, 4])
    assert.equal(
      floats(await client.read(client.launch(scaled, [x, words([factor])[0]])[0])),
      given[0].map((v) => v * factor),
    );
  assert.is(client.launch(f, [x])[0].borrow().settled, true);
  assert.is(behind.borrow().settled, false);
  arrive();
  assert.equal(floats(await client.read(behind)), [29, 37, 45, 53]);
  assert.equal(floats(await client.read(otherSum)), [24, 28, 32, 36]);
});

test("numbers among the arguments of a call that waits stay what they are, whatever overtakes it", async () => {
  const client = twoGpus();
  const args = argsOn(client);
  const [[x]] = args;
  await client.wait(client.launch(scaled, [x, words([1])[0]])[0]);
  const arrive = await holdBack(client, 1);
  const { launches } = client.statistics;
  const number = words([2])[0];
  const [[y]] = client.launchOn(
    [0, 1],
    scaledSum(),
    args.map(([z]) => [z, number]),
  );
  await untilWaiting(client, launches);
  for (let i = 0; i < 150; i++) {
    const [z] = client.launch(scaled, [x, words([100 + i])[0]]);
    if (i % 10 === 0) await client.wait(z);
    assert.ok(z.borrow().settled);
    z.dispose();
  }
  arrive();
  assert.equal(floats(await client.read(y)), [12, 16, 20, 24]);
});

test("GPUs that a program is not made for are refused in words", async () => {
  const client = twoGpus();
  const [[x]] = argsOn(client);
  assert.match(
    (await rejection(client.read(client.launch(sumOfAffine(), [x])[0]))).message,
    /^sum_of_affine: must be called on 2 GPUs \(x=2\); got a call on 1$/,
  );
});

test("nothing is exchanged of arrays without elements", async () => {
  const client = twoGpus();
  const f = collectiveProgram({
    collective: "allReduce",
    gpuAxes: [{ name: "x", size: 2 }],
    combine: "add",
    fromBytes: 0,
    toBytes: 0,
  });
  assert.equal(await onAll(client, f, [[], []]), [[], []]);
});

test("a fold keeps NaN, as jnp.maximum does", () => {
  for (const combine of ["add", "max", "min"] as const)
    for (const [a, b] of [
      [Number.NaN, 1],
      [1, Number.NaN],
    ]) {
      const into = words([a]);
      foldWords("float32", combine, into, words([b]));
      assert.ok(Number.isNaN(floats(into)[0]));
    }
});

test.run();
