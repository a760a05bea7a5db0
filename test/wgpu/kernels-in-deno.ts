/** Runs in Deno: the kernels, of which naga refuses one. */
import * as jax from "jaxscale";
import { failureOf, kernelNames } from "./kernels.ts";
import { check, say } from "./suite.ts";

for (const name of kernelNames) await check("kernels", name, () => failureOf(name));
say({ adapter: (await jax.ready()).name });
