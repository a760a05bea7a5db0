/** What depends on settings of a process: its memory budget, the adapter it may take. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runProgram } from "../child-process.ts";

const mebibyte = 2 ** 20;

test("over the budget: a clear error that names the largest holders; earlier arrays read right; disposing helps", async () => {
  const { code, output, errors } = await runProgram("hostile/out-of-memory.ts", {
    JAXSCALE_MEMORY_BUDGET: `${22 * mebibyte}`,
  });
  assert.is(code, 0, errors);
  const { outcomes, whole, after } = JSON.parse(output) as { outcomes: unknown[]; whole: unknown; after: unknown };
  const fitted = outcomes.filter((o) => typeof o === "number");
  assert.ok(fitted.length >= 4, JSON.stringify(outcomes));
  assert.equal(
    fitted,
    fitted.map((_, i) => i),
  );
  const refused = outcomes.filter((o) => typeof o === "string");
  assert.ok(refused.length >= 2);
  assert.match(
    refused[0] as string,
    /^DeviceError: .*budget of 22\.0 MiB.*got 4\.0 MiB more.*\d × float32\[1024,1024\] of <lambda>: \d+\.0 MiB/s,
  );
  assert.is(whole, true);
  assert.is(after, 1);
});

test("an adapter that is not there is one clear sentence, and what to install", async () => {
  const { code, errors, output } = await runProgram("hostile/one-number.ts", { JAXSCALE_ADAPTER: "no such adapter" });
  assert.is(code, 0, errors);
  assert.match(output, /^DeviceError: JAXSCALE_ADAPTER: .*; got no such adapter, adapters here: /);
  assert.is(output.trim().split("\n").length, 1);
});

test("without hardware, JAXSCALE_ADAPTER=hardware says so", async () => {
  const { code, errors, output } = await runProgram("hostile/one-number.ts", { JAXSCALE_ADAPTER: "hardware" });
  assert.is(code, 0, errors);
  // Where there is a GPU, the number is right instead.
  assert.match(output, /^(3|DeviceError: adapter: .*hardware.*)$/m);
});

test("a limit that is set wrong says which", async () => {
  const { output } = await runProgram("hostile/one-number.ts", { JAXSCALE_LIMITS: "maxBuffers=3" });
  assert.match(output, /^DeviceError: JAXSCALE_LIMITS: .*; got maxBuffers=3/);
});

test.run();
