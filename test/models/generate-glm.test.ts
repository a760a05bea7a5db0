import { test } from "uvu";
import { testGreedy } from "./every-greedy.ts";

testGreedy("glm-tiny");

test.run();
