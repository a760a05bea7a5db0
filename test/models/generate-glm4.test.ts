import { test } from "uvu";
import { testGreedy } from "./every-greedy.ts";

testGreedy("glm4-tiny");

test.run();
