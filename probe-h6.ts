import * as jax from "jaxscale";
import { Executables } from "./packages/models/src/generate/executables.ts";
import { folderFiles, readConfig } from "./packages/models/src/index.ts";
import { CausalLM, makeCaches } from "./packages/models/src/model.ts";

const target = await jax.ready();
const of = (dtype: jax.DType, ...shape: number[]) => new jax.ShapeDtypeStruct(shape, dtype) as unknown as jax.Array;
for (const name of ["test/fixtures/hf/glm-tiny", "test/fixtures/hf/glm4-tiny", "test/fixtures/hf/glm4_moe_lite-tiny"])
  for (const batch of [1, 2]) {
    const config = await readConfig(folderFiles(name));
    const model = new CausalLM(config, "bfloat16");
    const ex = new Executables(model);
    const caches = jax.evalShape(() =>
      jax.tree.leaves<jax.Array>(makeCaches(config, { batch, capacity: 64, dtype: "bfloat16" })),
    );
    const l = ex.decode.lower(
      ex.weights,
      { caches, logits: of("float32", batch, config.vocabSize), lengths: of("int32", batch) },
      of("int32", batch),
    );
    const p = l.program(target);
    const f = ex.prefillFirst
      .lower(
        ex.weights,
        { caches, last: of("bfloat16", batch, config.hiddenSize) },
        { ids: of("int32", batch, 64), start: of("int32", batch), counts: of("int32", batch) },
      )
      .program(target);
    console.log(
      name,
      batch,
      "decode",
      p.segments.flatMap((s) => s.steps).length,
      p.kernels.length,
      p.arenas.join(),
      "prefill",
      f.segments.flatMap((s) => s.steps).length,
      f.kernels.length,
      f.arenas.join(),
    );
  }
process.exit(0);
