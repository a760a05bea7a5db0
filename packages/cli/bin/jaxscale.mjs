#!/usr/bin/env node
/** The command `jaxscale` in a clone, from its sources. Published is `src/main.ts` as it is built. */
import { register } from "tsx/esm/api";

register();
await import("../src/main.ts");
