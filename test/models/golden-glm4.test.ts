import { testEveryTensor } from "./every-tensor.ts";

testEveryTensor("glm4-tiny");
