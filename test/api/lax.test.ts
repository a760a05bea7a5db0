import { test } from "uvu";
import { checkAgainstJax } from "./golden-jaxprs.ts";

checkAgainstJax("lax");

test.run();
