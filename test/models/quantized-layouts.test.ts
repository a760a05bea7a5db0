/** Quantized matrices of checkpoints against the digests of what their own libraries make of them. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { folderFiles, openWeights } from "@jaxscale/models";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Fields } from "../../packages/models/src/json/fields.ts";
import { parseQuantization, type Quantization } from "../../packages/models/src/weights/quantized/config.ts";
import { dequantizedRows } from "../../packages/models/src/weights/quantized/dequantize.ts";
import { matrixFinder } from "../../packages/models/src/weights/quantized/find.ts";

const fixtures = join(import.meta.dirname, "..", "fixtures", "quant");
const folders = readdirSync(fixtures).filter((name) => /^glm4/.test(name));

/** Shapes of all matrices, from the unquantized sizes of the config. */
function shapeOf(name: string, config: Record<string, number>): [number, number] {
  const heads = config.num_attention_heads;
  const nope = config.qk_nope_head_dim;
  const last = name.split(".").slice(-2)[0];
  const dense = !/experts/.test(name);
  const inner = dense
    ? config.intermediate_size
    : config.moe_intermediate_size * (/shared/.test(name) ? config.n_shared_experts : 1);
  const hidden = config.hidden_size;
  const shapes: Record<string, [number, number]> = {
    embed_tokens: [config.vocab_size, hidden],
    lm_head: [config.vocab_size, hidden],
    q_proj: [heads * config.head_dim, hidden],
    k_proj: [config.num_key_value_heads * config.head_dim, hidden],
    v_proj: [config.num_key_value_heads * config.head_dim, hidden],
    o_proj: [hidden, heads * (config.v_head_dim ?? config.head_dim)],
    gate_up_proj: [2 * inner, hidden],
    gate_proj: [inner, hidden],
    up_proj: [inner, hidden],
    down_proj: [hidden, inner],
    q_a_proj: [config.q_lora_rank, hidden],
    q_b_proj: [heads * (nope + config.qk_rope_head_dim), config.q_lora_rank],
    kv_a_proj_with_mqa: [config.kv_lora_rank + config.qk_rope_head_dim, hidden],
    kv_b_proj: [heads * (nope + config.v_head_dim), config.kv_lora_rank],
  };
  return shapes[last];
}

for (const folder of folders)
  test(`${folder}: every matrix bit for bit`, async () => {
    const config = JSON.parse(readFileSync(join(fixtures, folder, "config.json"), "utf8"));
    const golden = JSON.parse(readFileSync(join(fixtures, folder, "golden.json"), "utf8"));
    const weights = await openWeights(folderFiles(join(fixtures, folder)));
    const find = matrixFinder(weights, parseQuantization(new Fields("config.json", config)) as Quantization);
    const digests = Object.entries(golden.dequantized_sha256 as Record<string, string>);
    assert.ok(digests.length > 15);
    for (const [name, digest] of digests) {
      const [rows, columns] = shapeOf(name, config);
      const found = find({ module: name.replace(/\.weight$/, ""), rows, columns });
      assert.ok(found, name);
      const floats = "values" in found ? found.values : dequantizedRows(found);
      // In two parts, so that rows are found where they begin.
      const middle = Math.floor(rows / 3);
      const hash = createHash("sha256");
      for (const part of [await floats.read(0, middle), await floats.read(middle, rows)])
        hash.update(new Uint8Array(part.map((x) => x + 0).buffer));
      assert.is(hash.digest("hex"), digest, name);
    }
    await weights.close();
  });

test.run();
