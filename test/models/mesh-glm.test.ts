import { test } from "uvu";
import { meshesOf, testEveryMesh } from "./every-mesh.ts";

testEveryMesh("glm-tiny", meshesOf([1, 2, 4], [1, 2, 4], [1]), [{ tp: 4, dp: 2 }]);

test.run();
