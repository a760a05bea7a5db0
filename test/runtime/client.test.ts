import { test } from "uvu";
import * as assert from "uvu/assert";
import { Client } from "../../packages/jaxscale/src/runtime/client.ts";
import { affine, floats, printRaw, words } from "./raw-programs.ts";

const client = new Client({ printKernel: printRaw });

test("words read back equal the words uploaded, whole and empty", async () => {
  assert.equal(floats(await client.read(client.upload(words([1, 2.5, -3])))), [1, 2.5, -3]);
  assert.equal(floats(await client.read(client.upload(words([])))), []);
});

test("a program launched before the device is open runs on what was uploaded before it", async () => {
  const [y] = client.launch(affine(3, 2), [client.upload(words([1, 2, 3]))]);
  assert.equal(floats(await client.read(y)), [3, 5, 7]);
});

test("calls depend on each other without anything being awaited", async () => {
  const f = affine(2, 2);
  let x = client.upload(words([0, 1]));
  for (let i = 0; i < 5; i++) [x] = client.launch(f, [x]);
  assert.equal(floats(await client.read(x)), [31, 63]);
});
test.run();
