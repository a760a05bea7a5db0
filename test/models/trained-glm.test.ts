import { test } from "uvu";
import { testAnswers } from "./every-answer.ts";

testAnswers("glm-4-tiny");

test.run();
