import { test } from "uvu";
import { checkAgainstJax } from "./golden-jaxprs.ts";

checkAgainstJax("jnp");

test.run();
