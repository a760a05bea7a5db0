/** Golden checkpoints on meshes: every tensor and token of the reference, with the tolerances of one device. */
process.env.JAXSCALE_DEVICES = "8";

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compareWithGolden } from "../../packages/models/src/compare/compare.ts";
import { GoldenFile } from "../../packages/models/src/compare/golden.ts";
import { LanguageModel } from "../../packages/models/src/language-model.ts";
import type { Parallelism } from "../../packages/models/src/parallel/parallelism.ts";
import "../setup.ts";
import { fixture } from "./fixtures.ts";
import { openTensors } from "./golden.ts";

const full = process.env.JAXSCALE_FULL === "1";

/** Numbers of devices whose product is at most 8. */
export const meshesOf = (tps: readonly number[], dps: readonly number[], eps: readonly number[]): Parallelism[] =>
  tps
    .flatMap((tp) => dps.flatMap((dp) => eps.map((ep) => ({ tp, dp, ep }))))
    .filter(({ tp, dp, ep }) => tp * dp * ep > 1 && tp * dp * ep <= 8);

/** @param few the meshes of a quick run, in float32 and bfloat16 by turns; the others under `JAXSCALE_FULL=1`, in both */
export function testEveryMesh(name: string, all: readonly Parallelism[], few: readonly Parallelism[]): void {
  const folder = fixture(name);
  const runs = full
    ? all.flatMap((mesh) => (["float32", "bfloat16"] as const).map((dtype) => ({ mesh, dtype })))
    : few.map((mesh, i) => ({ mesh, dtype: (["float32", "bfloat16"] as const)[i % 2] }));
  for (const { mesh, dtype } of runs)
    test(`every tensor of ${name} in ${dtype} on ${JSON.stringify(mesh)} is that of transformers`, async () => {
      const tensors = await openTensors(folder);
      const file = "golden.json";
      const golden = new GoldenFile(tensors, { text: readFileSync(join(folder, file), "utf8"), file });
      const model = await LanguageModel.load(folder, { dtype, parallelism: mesh });
      const comparison = await compareWithGolden(model.model, golden);
      assert.is(comparison.firstDivergence, undefined);
      assert.ok(comparison.passed);
      model.dispose();
      await tensors.close();
    });
}
