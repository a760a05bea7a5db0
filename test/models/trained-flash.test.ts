import { test } from "uvu";
import { testAnswers } from "./every-answer.ts";

testAnswers("glm-4.7-flash-tiny");

test.run();
