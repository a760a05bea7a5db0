/** Modules without memory, their partition specs, their picture; and what they let out. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";
import { Block, Model } from "./model.ts";

await jax.ready();
const { numpy: jnp } = jax;

test("an abstract module has shapes and dtypes, and takes no memory", () => {
  const before = jax.statistics();
  const model = nnx.evalShape(() => new Model(100_000, 4096, 40, { rngs: new nnx.Rngs(0) }));
  const after = jax.statistics();
  assert.instance(model, Model);
  assert.is(model.tied, model.embed.embedding);
  const kernel = model.layers[39].up.kernel.get() as unknown;
  assert.instance(kernel, jax.ShapeDtypeStruct);
  assert.equal(model.layers[39].up.kernel.shape, [4096, 8192]);
  assert.equal(after, before);
});

test("createAbstract calls a constructor, and leaves its arguments alone", async () => {
  const rngs = new nnx.Rngs(0);
  const layer = nnx.createAbstract(nnx.Linear, 3, 4, { paramDtype: "bfloat16", rngs });
  assert.equal([layer.kernel.dtype, layer.kernel.shape, layer.inFeatures], ["bfloat16", [3, 4], 3]);
  assert.is(await rngs.stream("default").count.get().item(), 0);
});

test("an abstract module becomes a real one by update", async () => {
  const layer = nnx.createAbstract(nnx.Linear, 2, 2, { rngs: new nnx.Rngs(0) });
  nnx.update(layer, { kernel: jnp.eye(2), bias: jnp.ones([2]) });
  assert.equal(await layer.call(jnp.ones([1, 2])).toList(), [[2, 2]]);
});

test("partition specs come from initializers and metadata, with logical names by their rules", () => {
  const { initializers } = jax.nn;
  const rngs = new nnx.Rngs(0);
  const layer = new nnx.Linear(4, 8, {
    kernelInit: nnx.withPartitioning(initializers.lecunNormal(), ["embed", "mlp"], {
      shardingRules: [
        ["mlp", "x"],
        ["embed", null],
      ],
    }),
    biasMetadata: { outSharding: [["x", "y"]] },
    rngs,
  });
  const specs = nnx.getPartitionSpec(nnx.state(layer));
  const text = [...specs].map(([path, leaf]) => `${path.join(".")} ${(leaf as nnx.Variable<unknown>).get()}`);
  assert.equal(text, ["bias P(('x', 'y'),)", "kernel P(None, 'x')"]);
  assert.is(String((nnx.getPartitionSpec(layer) as nnx.Linear).kernel.get()), "P(None, 'x')");
  const norm = new nnx.RMSNorm(4, { rngs });
  assert.is(String(nnx.getPartitionSpec(nnx.state(norm)).get("scale").get()), "P()");
  assert.equal(nnx.getPartitionSpec(nnx.state(layer)).get("bias").metadata.outSharding, [["x", "y"]]);
});

test("display shows kinds, types, bytes, specs, what is shared, and totals", () => {
  class Small extends nnx.Module {
    readonly layers: nnx.List<nnx.Linear>;
    readonly tied: nnx.Param;
    readonly dropout: nnx.Dropout;
    constructor() {
      super();
      const rngs = new nnx.Rngs(0);
      const kernelMetadata = { outSharding: ["x", null] };
      this.layers = new nnx.List([new nnx.Linear(256, 512, { paramDtype: "bfloat16", kernelMetadata, rngs })]);
      this.tied = this.layers[0].kernel;
      this.dropout = new nnx.Dropout(0.5, { rngs });
    }
  }
  assert.equal(nnx.display(nnx.evalShape(() => new Small())).split("\n"), [
    "Small",
    "├─ dropout       Dropout",
    "│  └─ rngs       RngStream",
    "│     ├─ count   RngCount uint32[]               4 B",
    "│     └─ key     RngKey key<fry>[]               8 B",
    "├─ layers        List",
    "│  └─ 0          Linear",
    "│     ├─ bias    Param bfloat16[512]         1.02 KB",
    "│     └─ kernel  Param bfloat16[256,512]      262 KB  P('x', None)",
    "└─ tied          → layers.0.kernel",
    "RngCount 1 (4 B), RngKey 1 (8 B), Param 131,584 (263 KB), total 131,586 (263 KB)",
  ]);
});

class Net extends nnx.Module {
  readonly blocks: nnx.List<Block>;
  constructor() {
    super();
    const rngs = new nnx.Rngs(0);
    this.blocks = new nnx.List([new Block(2, { rngs }), new Block(2, { rngs })]);
  }
  call(x: jax.Array): jax.Array {
    let y = x;
    for (const block of this.blocks) {
      y = block.call(y);
      block.sow(nnx.Intermediate, "out", y);
      this.sow(nnx.Intermediate, "seen", y);
    }
    this.sow(nnx.BatchStat, "other", y);
    return y;
  }
}

test("capture gives what modules sow, by path and in order; without it nothing is kept", async () => {
  const net = new Net();
  net.eval();
  const x = jnp.ones([1, 2]);
  const plain = net.call(x);
  assert.not.ok(net.sow(nnx.Intermediate, "x", x));
  const size = nnx.state(net).size;
  const [out, captured] = nnx.capture((m: Net, input: jax.Array) => m.call(input))(net, x);
  assert.equal(
    [...captured].map(([path]) => path.join(".")),
    ["blocks.0.out", "blocks.1.out", "seen"],
  );
  const seen = captured.get<nnx.Intermediate<readonly jax.Array[]>>("seen").get();
  assert.is(seen.length, 2);
  assert.equal(await seen[1].toList(), await plain.toList());
  assert.equal(await out.toList(), await plain.toList());
  assert.is(nnx.state(net).size, size);
});

test("captured values come out of jit, and stacked out of scan", async () => {
  const net = new Net();
  net.eval();
  const run = nnx.jit((m: Net, input: jax.Array) => m.call(input));
  const x = jnp.ones([1, 2]);
  const plain = await run(net, x).toList();
  const [out, captured] = nnx.capture(run)(net, x);
  assert.equal(await out.toList(), plain);
  assert.equal(captured.size, 3);
  assert.equal(await run(net, x).toList(), plain);

  const blocks = nnx.vmap((rngs: nnx.Rngs) => new Block(2, { rngs }))(new nnx.Rngs(0).split(3));
  blocks.eval();
  const through = nnx.scan(
    (carry: jax.Array, block: Block) => {
      const y = block.call(carry);
      block.sow(nnx.Intermediate, "out", y);
      return y;
    },
    { inAxes: [nnx.Carry, 0], outAxes: nnx.Carry },
  );
  const [last, layers] = nnx.capture((b: Block) => through(x, b))(blocks);
  const [rows] = layers.get<nnx.Intermediate<readonly jax.Array[]>>("out").get();
  assert.equal(rows.shape, [3, 1, 2]);
  assert.equal(await rows.at(2).get().toList(), await last.toList());
});

test("one name for two kinds is refused", () => {
  class Twice extends nnx.Module {
    call(x: jax.Array): void {
      this.sow(nnx.Intermediate, "x", x);
      this.sow(nnx.BatchStat, "x", x);
    }
  }
  assert.throws(
    () => nnx.capture((m: Twice) => m.call(jnp.ones([])), nnx.Intermediate, nnx.BatchStat)(new Twice()),
    /sow: a name must be used for one kind of Variable; got BatchStat for x, which is Intermediate/,
  );
});

test.run();
