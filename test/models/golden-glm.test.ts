import { testEveryTensor } from "./every-tensor.ts";

testEveryTensor("glm-tiny");
