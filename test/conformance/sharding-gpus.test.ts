/** The sharding family on several GPUs, two unless JAXSCALE_TEST_GPUS says how many, the same adapter for each; all cases under JAXSCALE_FULL=1. */
import { openGpus } from "../partition/on-gpus.ts";
import { familyTests } from "./test-family.ts";

openGpus(Number(process.env.JAXSCALE_TEST_GPUS ?? 2), 8);

const tests = await familyTests("sharding");

tests.run();
