import { test } from "uvu";
import * as assert from "uvu/assert";
import { runProgram } from "../child-process.ts";

const small = "maxBufferSize=65536,maxStorageBufferBindingSize=65536";
const few =
  "maxStorageBuffersPerShaderStage=8,maxComputeWorkgroupsPerDimension=7,maxComputeInvocationsPerWorkgroup=128,maxComputeWorkgroupSizeX=128,subgroups=off,f16=off";
/** What a device may lack, alone and together; the arrays of the program are up to three times as large as the smallest binding. */
const settings: readonly string[] =
  process.env.JAXSCALE_FULL === "1"
    ? [
        small,
        few,
        "maxStorageBufferBindingSize=65536",
        "maxComputeWorkgroupsPerDimension=7",
        "subgroups=off,f16=off",
        "maxStorageBuffersPerShaderStage=8",
        "maxStorageBuffersPerShaderStage=10",
        "maxComputeInvocationsPerWorkgroup=128,maxComputeWorkgroupSizeX=128",
        "maxStorageBuffersPerShaderStage=8,maxStorageBufferBindingSize=65536",
        `${few},${small}`,
      ]
    : [small, few];

for (const limits of settings)
  test(`every operation is right under ${limits}`, async () => {
    const { code, output, errors } = await runProgram("sizes/operations.ts", { JAXSCALE_LIMITS: limits });
    assert.is(code, 0, errors);
    const lines = output.trim().split("\n");
    assert.match(lines[lines.length - 1], /^(\d+) of \1 right$/, output);
  });

test.run();
