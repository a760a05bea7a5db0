/** What `observe` gives of the parts of a layer, against transformers. */
import { join } from "node:path";
import { compareWithGolden, folderFiles, GoldenFile, LanguageModel, SafetensorsFile } from "@jaxscale/models";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";
import { fixture, recorded } from "./fixtures.ts";

const attention = ["input_layernorm", "query", "key", "value", "probs", "o_proj_in", "attn", "attn_residual"];
const gated = ["gate", "up", "activation"];
const shared = ["shared_experts", ...gated.map((part) => `shared_experts.${part}`)];
const ends = ["post_attention_layernorm", "mlp", "out"];
const latent = ["q_a_layernorm", "q_b_proj", "kv_a_proj_with_mqa", "kv_a_layernorm"];
const sandwich = ["post_self_attn_layernorm", "post_mlp_layernorm"];

/** Parts of layer 0, and of layer 1. */
const parts: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
  "glm4-tiny": [
    [...attention, "q_proj", "k_proj", "v_proj", ...gated, ...ends, ...sandwich],
    [...attention, "q_proj", "k_proj", "v_proj", ...gated, ...ends, ...sandwich],
  ],
  "glm4_moe_lite-tiny": [
    [...attention, ...latent, ...gated, ...ends],
    [...attention, ...latent, ...shared, "router_logits", "expert_ids", "expert_weights", "routed", ...ends],
  ],
};

for (const [name, layers] of Object.entries(parts))
  test(`every part of two layers of ${name} is that of transformers`, async () => {
    const source = await folderFiles(recorded(name)).open("golden.safetensors");
    assert.ok(source, join(recorded(name), "golden.safetensors"));
    const golden = new GoldenFile(await SafetensorsFile.open(source));
    const language = await LanguageModel.load(fixture(name), { dtype: "float32" });
    const { cases } = await compareWithGolden(language.model, golden);
    language.dispose();
    await source.close();
    const { tensors } = cases[0];
    assert.equal(
      tensors.filter(({ passed }) => !passed).map(({ name, maxAbs, problem }) => ({ name, maxAbs, problem })),
      [],
    );
    const names = new Set(tensors.map((tensor) => tensor.name));
    layers.forEach((wanted, i) => {
      assert.equal(
        wanted.filter((part) => !names.has(`layers.${i}.${part}`)),
        [],
      );
    });
  });

test.run();
