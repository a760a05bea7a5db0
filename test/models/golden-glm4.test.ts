import { test } from "uvu";
import { testEveryTensor } from "./every-tensor.ts";

testEveryTensor("glm4-tiny");

test.run();
