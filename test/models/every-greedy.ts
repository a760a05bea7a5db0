/** Greedy text of the tiny checkpoints against the reference. */
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LanguageModel } from "../../packages/models/src/language-model.ts";
import "../setup.ts";
import { fixtures, readGolden } from "./golden.ts";
import { generatedRows, greedyRuns } from "./greedy.ts";

export function testGreedy(name: string): void {
  test(`greedy tokens of ${name} are those of transformers`, async () => {
    const folder = join(fixtures, name);
    const model = await LanguageModel.load(folder, { dtype: "float32" });
    for (const run of greedyRuns(readGolden(folder)))
      assert.equal(await generatedRows(model, run), run.expected, run.name);
    model.dispose();
  });
}
