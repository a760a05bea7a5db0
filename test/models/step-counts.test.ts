/** What a step of decoding asks of the host: it must not grow unnoticed, for the host's time is paid for every token. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LanguageModel } from "../../packages/models/src/index.ts";
import { fixture } from "./fixtures.ts";

type Counted = "launches" | "submits" | "passes" | "dispatches" | "bindGroupsCreated" | "pipelinesCreated";
type Counts = Readonly<Record<Counted, number>>;

/**
 * Of one step, and pipelines of a whole generation. Exact, so that what became fewer is written down too: where a change lowers
 * a number, put the lower one here; where one rises, what it buys belongs into the commit's message.
 */
const expected: Readonly<Record<string, { readonly step: Counts; readonly pipelines: number }>> = {
  "glm4-tiny": {
    step: { launches: 2, submits: 1, passes: 2, dispatches: 46, bindGroupsCreated: 0, pipelinesCreated: 0 },
    pipelines: 42,
  },
  "glm4_moe_lite-tiny": {
    step: { launches: 2, submits: 1, passes: 2, dispatches: 92, bindGroupsCreated: 0, pipelinesCreated: 0 },
    pipelines: 70,
  },
};

/** Steps behind which nothing is new, and over which counts are taken. */
const [settled, counted] = [6, 8];

const countsNow = (): Counts => {
  const { launches, submits, passes, dispatches, bindGroupsCreated, pipelinesCreated } = jax.statistics();
  return { launches, submits, passes, dispatches, bindGroupsCreated, pipelinesCreated };
};

async function countsOf(name: string): Promise<{ step: Counts; pipelines: number }> {
  const model = await LanguageModel.load(fixture(name));
  const before = countsNow();
  const seen: Counts[] = [];
  const options = { doSample: false, maxNewTokens: settled + counted + 6, eosTokenIds: [] };
  for await (const _ of model.generate([[5, 6, 7, 8]], options)) seen.push(countsNow());
  model.dispose();
  const [first, last] = [seen[settled], seen[settled + counted]];
  const names = Object.keys(first) as Counted[];
  const step = Object.fromEntries(names.map((n) => [n, (last[n] - first[n]) / counted])) as Counts;
  return { step, pipelines: countsNow().pipelinesCreated - before.pipelinesCreated };
}

for (const [name, counts] of Object.entries(expected))
  test(`what a step of ${name} asks of the host`, async () => {
    assert.equal(await countsOf(name), counts);
  });

test.run();
