import { test } from "uvu";
import { testEveryTensor } from "./every-tensor.ts";

testEveryTensor("glm4_moe_lite-tiny");

test.run();
