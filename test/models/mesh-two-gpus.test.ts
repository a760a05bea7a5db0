/** Golden checkpoints over two GPUs: every mesh of two devices, one on each. */
import { test } from "uvu";
import { openGpus } from "../partition/on-gpus.ts";
import { testEveryMesh } from "./every-mesh.ts";

openGpus(2, 2);

testEveryMesh("glm-tiny", [{ tp: 2 }, { dp: 2 }], []);
testEveryMesh("glm4-tiny", [{ tp: 2 }, { dp: 2 }], []);
testEveryMesh("glm4_moe_lite-tiny", [{ tp: 2 }, { dp: 2 }, { ep: 2 }], [{ ep: 2 }]);

test.run();
