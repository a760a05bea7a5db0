/** Writes what a driver might to standard error while it is held back, and a line before and after. */
import { writeSync } from "node:fs";
import { prepareToHoldBack, withoutDriverWarnings } from "../../packages/jaxscale/src/runtime/node/dawn-warnings.ts";

await prepareToHoldBack();
const write = (text: string): void => void writeSync(2, text);
write("before\n");
const result = withoutDriverWarnings(() => {
  write("Warning: maxDynamicUniformBuffersPerPipelineLayout artificially reduced from 1000000 to 16 to fit.\n");
  write("Warning: the driver is on fire\n");
  write("Warning: vkCreateInstance failed with VK_ERROR_INCOMPATIBLE_DRIVER\n    at Check (VulkanError.cpp:106)\n\n");
  write("    at the end\n");
  return 3;
});
try {
  withoutDriverWarnings(() => {
    write("Warning: Couldn't load Vulkan: libvulkan.so.1\n");
    throw new Error("refused");
  });
} catch (error) {
  write(`${(error as Error).message}\n`);
}
console.log(result);
