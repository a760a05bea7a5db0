/** What Dawn and the Vulkan loader write by themselves does not reach a user's terminal. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runProgram } from "../child-process.ts";

test("a program that finds an adapter writes nothing to standard error", async () => {
  for (const env of [{}, { VK_DRIVER_FILES: "/nowhere", VK_ICD_FILENAMES: "/nowhere" }] as Record<string, string>[]) {
    const { output, errors } = await runProgram("hostile/one-number.ts", env);
    assert.match(output, /^(3|DeviceError: .*)\n$/);
    assert.is(errors, "");
  }
});

test("whatever else is written meanwhile is passed on in its order", async () => {
  if (process.platform !== "linux") return;
  const { output, errors } = await runProgram("runtime/standard-error.ts");
  assert.is(output, "3\n");
  assert.is(errors, "before\nWarning: the driver is on fire\n    at the end\nrefused\n");
});

test.run();
