/** Imported by tests of the whole pipeline: every IR is checked between stages. */
import { checks } from "../packages/jaxscale/src/compile.ts";

checks.enabled = true;
