import { test } from "uvu";
import * as assert from "uvu/assert";
import { onAll, repeatedSum, sumOfAffine } from "./exchange-programs.ts";
import { clientWith } from "./settings.ts";

/** By iterations: what GPUs 0 and 1 have, of which each iteration takes the sum and adds the GPU's place. */
function expected(iterations: number, a: number, b: number): [number, number] {
  let sums: [number, number] = [a, b];
  for (let i = 0; i < iterations; i++) sums = [sums[0] + sums[1], sums[0] + sums[1] + 1];
  return sums;
}
const firstOf = (results: readonly (readonly number[])[]): number[] => results.map(([first]) => first);

for (const [space, settings] of [
  ["immediates", {}],
  ["uniform buffers", { JAXSCALE_LIMITS: "maxImmediateSize=0" }],
  ["the embedded driver", { JAXSCALE_ADAPTER: "embedded,embedded" }],
] as const) {
  const client = clientWith({ JAXSCALE_ADAPTER: "any,any", ...settings });

  test(`an exchange lies between kernels, and a GPU knows its place, by ${space}`, async () => {
    const f = sumOfAffine();
    for (const x of [1, 5])
      assert.equal(
        await onAll(client, f, [
          [x, 2, 3, 4],
          [10, 20, 30, 40],
        ]),
        [
          [2 * x + 22, 46, 68, 90],
          [2 * x + 32, 56, 78, 100],
        ],
      );
  });

  test(`a loop exchanges in each iteration, as often as it says, by ${space}`, async () => {
    for (const trips of [1, 7])
      assert.equal(
        firstOf(
          await onAll(client, repeatedSum(trips), [
            [0, 1],
            [0, 2],
          ]),
        ),
        expected(trips, 1, 2),
      );
  });

  test(`a loop that the device ends exchanges in no iteration more, by ${space}`, async () => {
    const f = repeatedSum(null);
    for (const n of [0, 1, 2, 9])
      assert.equal(
        firstOf(
          await onAll(client, f, [
            [n, 1],
            [n, 2],
          ]),
        ),
        expected(n, 1, 2),
      );
  });

  test(`loops with exchanges nest, by ${space}`, async () => {
    assert.equal(
      firstOf(
        await onAll(client, repeatedSum(3, 4), [
          [0, 1],
          [0, 2],
        ]),
      ),
      expected(12, 1, 2),
    );
  });
}

test("a steady loop of calls makes no buffer, no bind group and no pipeline, and builds the program once for both GPUs", async () => {
  const client = clientWith({ JAXSCALE_ADAPTER: "any,any" });
  let built = 0;
  const f = sumOfAffine();
  const counted: typeof f = {
    ...f,
    build(target) {
      built++;
      return f.build(target);
    },
  };
  let x = [0, 1].map((gpu) => client.upload(new Uint32Array(4), 16, "x", gpu));
  const step = async (): Promise<void> => {
    const results = client.launchOn(
      [0, 1],
      counted,
      x.map((storage) => [storage]),
    );
    for (const storage of x) storage.dispose();
    x = results.map(([y]) => y);
    await client.idle();
  };
  for (let i = 0; i < 6; i++) await step();
  const before = { ...client.statistics };
  for (let i = 0; i < 20; i++) await step();
  const { buffersCreated, bindGroupsCreated, pipelinesCreated, submits } = client.statistics;
  assert.is(buffersCreated - before.buffersCreated, 0);
  assert.is(bindGroupsCreated - before.bindGroupsCreated, 0);
  assert.is(pipelinesCreated, 4);
  // On each GPU one up to the exchange and one behind it.
  assert.is(submits - before.submits, 20 * 2 * 2);
  assert.is(built, 1);
});

test.run();
