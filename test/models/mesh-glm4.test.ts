import { test } from "uvu";
import { meshesOf, testEveryMesh } from "./every-mesh.ts";

testEveryMesh("glm4-tiny", meshesOf([1, 2, 4], [1, 2, 4], [1]), [{ tp: 2, dp: 4 }]);

test.run();
