/** Modules: define a model, look at it, train it, take it apart and put it together. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";

const { nn, numpy: jnp, random } = jax;
const target = await jax.ready();
console.log(`running on ${target.name}\n`);

/** A residual block. Fields that hold layers are its state, all others are static. */
class Block extends nnx.Module {
  readonly norm: nnx.RMSNorm;
  readonly up: nnx.Linear;
  readonly down: nnx.Linear;

  constructor(features: number, { rngs }: { readonly rngs: nnx.Rngs }) {
    super();
    this.norm = new nnx.RMSNorm(features, { rngs });
    this.up = new nnx.Linear(features, 4 * features, { rngs });
    this.down = new nnx.Linear(4 * features, features, { rngs });
  }
  call(x: jax.Array): jax.Array {
    return x.add(this.down.call(nn.silu(this.up.call(this.norm.call(x)))));
  }
}

class Mlp extends nnx.Module {
  readonly input: nnx.Linear;
  readonly blocks: nnx.List<Block>;
  readonly output: nnx.Linear;

  constructor(features: number, depth: number, { rngs }: { readonly rngs: nnx.Rngs }) {
    super();
    this.input = new nnx.Linear(2, features, { rngs });
    this.blocks = new nnx.List(Array.from({ length: depth }, () => new Block(features, { rngs })));
    this.output = new nnx.Linear(features, 1, { rngs });
  }
  call(x: jax.Array): jax.Array {
    let y = this.input.call(x);
    for (const block of this.blocks) {
      y = block.call(y);
      block.sow(nnx.Intermediate, "out", y);
    }
    return this.output.call(y).squeeze(-1);
  }
}

// The shapes alone, without memory; then the weights, in one compiled function.
const make = (): Mlp => new Mlp(16, 2, { rngs: new nnx.Rngs(0) });
console.log(nnx.display(nnx.evalShape(make)));
const model = nnx.jit(make)();

// Learn whether the signs of two numbers agree.
const x = random.uniform(random.key(1), [8, 2], { minval: -1, maxval: 1 });
const y = x.at(":", 0).get().mul(x.at(":", 1).get()).greater(0).astype("float32");

const lossOf = (m: Mlp): jax.Array => {
  const logits = m.call(x);
  return jnp.mean(nn.softplus(logits).sub(logits.mul(y)));
};
/** Changes the model in place: its weights are donated, and written back. */
const trainStep = nnx.jit(
  (m: Mlp) => {
    const [loss, gradients] = nnx.valueAndGrad(lossOf)(m);
    const descend = (p: jax.Array, g: jax.Array): jax.Array => p.sub(g.mul(0.5));
    nnx.update(m, jax.tree.map(descend, nnx.state(m, nnx.Param), gradients));
    return loss;
  },
  { donateArgnums: 0, name: "trainStep" },
);

console.log("\ntraining:");
for (let step = 0; step <= 60; step++) {
  const loss = trainStep(model);
  if (step % 20 === 0) console.log(`  step ${step}: loss ${(await loss.item()).toFixed(4)}`);
}
const predict = nnx.jit((m: Mlp, points: jax.Array) => m.call(points).greater(0).astype("float32"));
const right = jnp.mean(predict(model, x).equal(y).astype("float32"));
console.log(`  right: ${(100 * (await right.item())).toFixed(1)} %`);

// Structure and state apart: the state is a tree of Variables by path.
const [graphdef, biases, weights] = nnx.split(model, nnx.PathContains("bias"), nnx.Param);
console.log(`\nsplit: ${biases.size} biases, ${weights.size} other parameters`);
const without = nnx.merge(graphdef, jax.tree.map(jnp.zerosLike, biases), weights);
const changed = jnp.mean(predict(without, x).equal(predict(model, x)).astype("float32"));
console.log(`merged without biases, it answers the same in ${(100 * (await changed.item())).toFixed(1)} %`);

// What lies between input and output.
const [, seen] = nnx.capture((m: Mlp) => m.call(x))(model);
console.log(`captured: ${seen}`);
