/** The sharding family on two GPUs, the same adapter twice; all cases under JAXSCALE_FULL=1. */
import { openGpus } from "../partition/on-gpus.ts";
import { familyTests } from "./test-family.ts";

openGpus(2, 8);

const tests = await familyTests("sharding");

tests.run();
