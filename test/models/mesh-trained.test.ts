/** Trained checkpoints on meshes: in float32 the tokens of transformers, whatever they are split over. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LanguageModel } from "../../packages/models/src/language-model.ts";
import type { Parallelism } from "../../packages/models/src/parallel/parallelism.ts";
import { meshesOf } from "./every-mesh.ts";
import { shipped } from "./fixtures.ts";

const full = process.env.JAXSCALE_FULL === "1";
const maxNewTokens = 24;

interface Answer {
  readonly prompt_ids: readonly number[];
  readonly output_ids: readonly number[];
}

/** @param few the meshes of a quick run; all under `JAXSCALE_FULL=1` */
function testTrained(name: string, all: readonly Parallelism[], few: readonly Parallelism[]): void {
  const { cases }: { readonly cases: readonly Answer[] } = JSON.parse(
    readFileSync(join(shipped(name), "golden.json"), "utf8"),
  );
  for (const parallelism of full ? all : few)
    test(`${name} on ${JSON.stringify(parallelism)} answers with the tokens of transformers`, async () => {
      const model = await LanguageModel.load(shipped(name), { dtype: "float32", parallelism });
      const rows: number[][] = cases.map(() => []);
      const prompts = cases.map(({ prompt_ids }) => prompt_ids);
      for await (const { tokens, active } of model.generate(prompts, { doSample: false, maxNewTokens }))
        tokens.forEach((token, row) => {
          if (active[row]) rows[row].push(token);
        });
      assert.equal(
        rows,
        cases.map(({ output_ids }) => output_ids.slice(0, maxNewTokens)),
      );
      model.dispose();
    });
}

testTrained("glm-4-tiny", meshesOf([1, 2, 4], [1, 2, 4], [1]), []);
testTrained("glm-4.7-flash-tiny", meshesOf([1, 2, 4], [1, 2, 4], [1, 2, 4, 8]), [{ tp: 2, dp: 2, ep: 2 }]);

test.run();
