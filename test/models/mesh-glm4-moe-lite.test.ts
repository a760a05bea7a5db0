import { test } from "uvu";
import { meshesOf, testEveryMesh } from "./every-mesh.ts";

testEveryMesh("glm4_moe_lite-tiny", meshesOf([1, 2, 4], [1, 2, 4], [1, 2, 4, 8]), [{ tp: 2, dp: 2, ep: 2 }]);

test.run();
