import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../packages/jaxscale/src/base/errors.ts";
import { collectGarbage } from "./collect.ts";
import { affine, dispatch, floats, lazy, origin, rawKernel, rawProgram, words } from "./raw-programs.ts";
import { clientWith, rejection } from "./settings.ts";

const unhandled: unknown[] = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

const broken = lazy(
  rawProgram({
    name: "broken",
    kernels: [rawKernel("wrong_text", ["read", "read_write"], "b1[i] = nonsense(b0[i]);")],
    slots: [
      { kind: "argument", index: 0, sizeBytes: 8 },
      { kind: "output", index: 0, sizeBytes: 8 },
    ],
    steps: [{ ...dispatch(0, [0, 1], ["read", "read_write"], 2), origin: origin("tanh") }],
    results: [1],
  }),
);

test("a kernel that does not compile is named with its operations and the user's line, and only a read rejects", async () => {
  const client = clientWith();
  const [y] = client.launch(broken, [client.upload(words([1, 2]))]);
  const [z] = client.launch(affine(2, 2), [y]);
  const error = await rejection(client.read(z));
  assert.is(error.name, "DeviceError");
  assert.match(error.message, /broken: kernel wrong_text, made from tanh called at .*raw-programs\.ts.*nonsense/s);
  assert.is((await rejection(client.read(y))).message, error.message);
  assert.equal(floats(await client.read(client.upload(words([5])))), [5]);
});

test("what build throws is the error of the results, as it is", async () => {
  const client = clientWith();
  const [y] = client.launch(
    {
      ...affine(2, 2),
      build: () => {
        throw new ShapeError("dot_general: sizes differ; got 1 and 2");
      },
    },
    [client.upload(words([1, 2]))],
  );
  assert.instance(await rejection(client.read(y)), ShapeError);
});

test("an error that nobody reads is warned of once", async () => {
  const warnings: string[] = [];
  const client = clientWith({}, { warn: (message) => warnings.push(message) });
  (() => {
    const [y] = client.launch(broken, [client.upload(words([1, 2]))]);
    client.launch(affine(2, 2), [y]);
  })();
  await client.idle();
  await collectGarbage();
  assert.is(warnings.length, 1);
  assert.match(warnings[0], /nobody read: broken: kernel wrong_text/);
});

test("a binding that the device refuses is the error of the results", async () => {
  const client = clientWith();
  const access = ["read", "read_write"] as const;
  // One buffer, read and written in one dispatch.
  const invalid = lazy(
    rawProgram({
      name: "hazard",
      kernels: [rawKernel("hazard", access, "b1[i] = b0[i];")],
      slots: [{ kind: "output", index: 0, sizeBytes: 8 }],
      steps: [dispatch(0, [0, 0], access, 2)],
      results: [0],
    }),
  );
  const [y] = client.launch(invalid, []);
  const [z] = client.launch(affine(2, 2), [y]);
  assert.match((await rejection(client.read(z))).message, /^hazard: must run; got: /);
  assert.match((await rejection(client.read(y))).message, /^hazard: must run; got: /);
});

test("after the device is lost everything on it fails, and the next call gets a new one", async () => {
  const client = clientWith();
  const f = affine(2, 2);
  const x = client.upload(words([1, 2]));
  const [y] = client.launch(f, [x]);
  await client.read(y);
  const pending = client.read(y);
  (await client.device()).gpu.destroy();
  assert.match((await rejection(pending)).message, /was lost \(destroyed\)/);
  assert.match((await rejection(client.read(x))).message, /was lost/);
  assert.ok(x.error);
  const [dead] = client.launch(f, [x]);
  assert.match((await rejection(client.read(dead))).message, /was lost/);
  const [alive] = client.launch(f, [client.upload(words([1, 2]))]);
  assert.equal(floats(await client.read(alive)), [3, 5]);
});

test("a device lost with calls in the queue fails those that need it", async () => {
  const client = clientWith();
  const x = client.upload(words([1, 2]));
  await client.read(x);
  const [y] = client.launch(affine(2, 3), [x]);
  (await client.device()).gpu.destroy();
  assert.match((await rejection(client.read(y))).message, /lost/);
  assert.equal(floats(await client.read(client.upload(words([4])))), [4]);
});

test("no rejection went unhandled", async () => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(unhandled, []);
});
test.run();
