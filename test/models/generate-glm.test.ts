import { testGreedy } from "./every-greedy.ts";

testGreedy("glm-tiny");
