import { test } from "uvu";
import * as assert from "uvu/assert";
import { affine, floats, words } from "./raw-programs.ts";
import { clientWith, rejection } from "./settings.ts";

const two = () => clientWith({ JAXSCALE_ADAPTER: "software,software" });

test("JAXSCALE_ADAPTER opens a GPU for each name between commas, one adapter as often as it is named", async () => {
  const client = two();
  assert.is(client.gpuCount, 2);
  const [first, second] = await Promise.all([client.device(0), client.device(1)]);
  assert.is(first.found.name, second.found.name);
  assert.is.not(first.gpu, second.gpu);
  const error = await rejection(clientWith({ JAXSCALE_ADAPTER: "software,," }).ready(1));
  assert.match(error.message, /^JAXSCALE_ADAPTER: there must be a name between commas; got software,,/);
});

test("a name of no adapter is refused when the first GPU is opened, wherever it stands", async () => {
  for (const names of ["any,no such adapter", "no such adapter,any", "any,any,no such adapter"])
    assert.match(
      (await rejection(clientWith({ JAXSCALE_ADAPTER: names }).ready(0))).message,
      /^JAXSCALE_ADAPTER: must be .* part of an adapter's name; got no such adapter, adapters here: \S/,
    );
  assert.match(
    (await rejection(clientWith({ JAXSCALE_ADAPTER: "any,," }).ready(0))).message,
    /^JAXSCALE_ADAPTER: there must be a name between commas; got any,,/,
  );
});

test("a comma within parentheses is part of a name", () => {
  assert.is(clientWith({ JAXSCALE_ADAPTER: "llvmpipe (LLVM 15.0.6, 256 bits), embedded" }).gpuCount, 2);
  assert.is(clientWith({ JAXSCALE_ADAPTER: "llvmpipe (LLVM 15.0.6, 256 bits)" }).gpuCount, 1);
});

test("an array lies on the GPU it was given to, is computed there, and is copied, in part too, to another", async () => {
  const client = two();
  const x = client.upload(words([1, 2, 3, 4]), 16, "x", 1);
  const [y] = client.launch(affine(4, 3), [x], 1);
  assert.equal(floats(await client.read(client.copyTo(0, y))), [4, 7, 10, 13]);
  const part = client.copyTo(0, y, { offsetBytes: 4, sizeBytes: 8 });
  assert.equal(floats(await client.read(client.launch(affine(2, 1), [part])[0])), [8, 11]);
});

test("an array on another GPU is refused in words", async () => {
  const client = two();
  const x = client.upload(words([1, 2, 3, 4]), 16, "float32[4]", 1);
  const [y] = client.launch(affine(4, 3), [x]);
  assert.match((await rejection(client.read(y))).message, /arguments must lie on one device; got float32\[4\]/);
});

test("a range is read across the buffers of an array", async () => {
  const client = clientWith({
    JAXSCALE_ADAPTER: "software,software",
    JAXSCALE_LIMITS: "maxBufferSize=1024,maxStorageBufferBindingSize=1024",
  });
  const x = client.upload(words(Array.from({ length: 700 }, (_, i) => i)));
  const part = client.copyTo(1, x, { offsetBytes: 4 * 200, sizeBytes: 4 * 400 });
  assert.equal(
    floats(await client.read(part)),
    Array.from({ length: 400 }, (_, i) => 200 + i),
  );
});

test("a GPU that is lost takes only its own arrays with it, and is opened anew", async () => {
  const client = two();
  const f = affine(2, 2);
  const [x, y] = [0, 1].map((gpu) => client.upload(words([1, 2]), 8, "x", gpu));
  await client.wait(y);
  (await client.device(1)).gpu.destroy();
  assert.match((await rejection(client.read(client.launch(f, [y], 1)[0]))).message, /was lost/);
  assert.equal(floats(await client.read(client.launch(f, [x])[0])), [3, 5]);
  const again = client.upload(words([3, 4]), 8, "x", 1);
  assert.equal(floats(await client.read(client.launch(f, [again], 1)[0])), [7, 9]);
});

test("errors of a copy's source are those of the copy", async () => {
  const client = two();
  const x = client.upload(words([1, 2]), 8, "x", 1);
  await client.wait(x);
  (await client.device(1)).gpu.destroy();
  const copied = client.copyTo(0, x);
  assert.match((await rejection(client.read(copied))).message, /was lost/);
});

test.run();
