import { test } from "uvu";
import { testGreedy } from "./every-greedy.ts";

testGreedy("glm4_moe_lite-tiny");

test.run();
