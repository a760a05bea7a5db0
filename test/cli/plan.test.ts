/** `jaxscale generate --plan`: from a config alone. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { shipped } from "../models/fixtures.ts";
import { jaxscale } from "./command.ts";

const folder = mkdtempSync(join(tmpdir(), "plan-"));
const configOnly = (config: object): string => {
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  return folder;
};
const plan = (path: string, args: readonly string[], env?: Readonly<Record<string, string>>) =>
  jaxscale(["generate", "--plan", "--model_path", path, ...args], { env });

test("weights and cache of a published model are those of its config, and no weights are needed to say so", async () => {
  const { code, output } = await plan(
    // Two of GLM-4-9B's layers.
    configOnly({ model_type: "glm", num_hidden_layers: 2, torch_dtype: "bfloat16" }),
    ["--max_new_tokens", "300"],
    { JAXSCALE_MEMORY_BUDGET: "4e9" },
  );
  const layer = (4096 + 512) * 4097 + 4096 * 4096 + 3 * 4096 * 13696 + 2 * 4096;
  const parameters = 2 * 151552 * 4096 + 2 * layer + 4096;
  assert.match(output, /^glm, bfloat16, prompt of 512 tokens and 300 new ones$/m);
  assert.match(
    output,
    new RegExp(
      `^weights +${(2 * parameters).toLocaleString("en-US")} B .* ${parameters.toLocaleString("en-US")} parameters$`,
      "m",
    ),
  );
  // 1,024 tokens of 2 layers, 2 heads of 128, keys and values.
  assert.match(output, /^cache +2,097,152 B .* room for 1024 tokens$/m);
  assert.match(output, /^temporaries +[\d,]+ B/m);
  assert.match(output, /^It fits: .* stay free\.$/m);
  assert.is(code, 0);
});

test("what does not fit the adapter is said to be missing, with exit code 1", async () => {
  const { code, output } = await plan(shipped("glm-4.7-flash-tiny"), ["--prompt", "What is 1 + 1?"], {
    JAXSCALE_MEMORY_BUDGET: "4000000",
  });
  assert.match(output, /^weights +4,583,\d\d\d B/m);
  assert.match(output, /^It does not fit: .* are missing\.$/m);
  assert.is(code, 1);
});

test.after(() => rmSync(folder, { recursive: true }));
test.run();
