/** The models that `test/fixtures/nnx/generate.py` has. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";

const { nn, numpy: jnp } = jax;

export class Block extends nnx.Module {
  readonly norm: nnx.RMSNorm;
  readonly up: nnx.Linear;
  readonly down: nnx.Linear;
  readonly dropout: nnx.Dropout;
  readonly calls: nnx.BatchStat;

  constructor(features: number, { rngs }: { readonly rngs: nnx.Rngs }) {
    super();
    this.norm = new nnx.RMSNorm(features, { rngs });
    this.up = new nnx.Linear(features, 2 * features, { rngs });
    this.down = new nnx.Linear(2 * features, features, { useBias: false, rngs });
    this.dropout = new nnx.Dropout(0.25, { rngs });
    this.calls = new nnx.BatchStat(jnp.zeros([]));
  }
  call(x: jax.Array): jax.Array {
    this.calls.set(this.calls.get().add(1));
    return x.add(this.dropout.call(this.down.call(nn.silu(this.up.call(this.norm.call(x))))));
  }
}

export class Model extends nnx.Module {
  readonly embed: nnx.Embed;
  readonly layers: nnx.List<Block>;
  readonly final: nnx.LayerNorm;
  readonly tied: nnx.Param;
  readonly rngs: nnx.Rngs;

  constructor(vocabulary: number, features: number, depth: number, { rngs }: { readonly rngs: nnx.Rngs }) {
    super();
    this.embed = new nnx.Embed(vocabulary, features, { rngs });
    this.layers = new nnx.List(Array.from({ length: depth }, () => new Block(features, { rngs })));
    this.final = new nnx.LayerNorm(features, { rngs });
    this.tied = this.embed.embedding;
    this.rngs = rngs;
  }
  call(tokens: jax.Array): jax.Array {
    let x = this.embed.call(tokens);
    for (const layer of this.layers) x = layer.call(x);
    return this.final.call(x).dot(this.tied.get().T);
  }
}

export const makeModel = nnx.jit(() => new Model(11, 4, 3, { rngs: new nnx.Rngs(0, { dropout: 1 }) }));

export function lossOf(model: Model, tokens: jax.Array): jax.Array {
  const last = tokens.shape[1] - 1;
  const rows = nn.logSoftmax(model.call(tokens.at(":", jax.slice(0, last)).get()));
  const targets = jnp.expandDims(tokens.at(":", jax.slice(1, last + 1)).get(), -1);
  return jnp.mean(jnp.takeAlongAxis(rows, targets, { axis: -1 })).neg();
}

export class Cell extends nnx.Module {
  readonly linear: nnx.Linear;
  readonly dropout: nnx.Dropout;
  readonly calls: nnx.BatchStat;

  constructor(features: number, { rngs }: { readonly rngs: nnx.Rngs }) {
    super();
    this.linear = new nnx.Linear(features, features, { rngs });
    this.dropout = new nnx.Dropout(0.5, { rngs });
    this.calls = new nnx.BatchStat(jnp.zeros([]));
  }
  call(x: jax.Array): jax.Array {
    this.calls.set(this.calls.get().add(1));
    return this.dropout.call(jnp.tanh(this.linear.call(x)));
  }
}
