import { test } from "uvu";
import { testEveryTensor } from "./every-tensor.ts";

testEveryTensor("glm-tiny");

test.run();
