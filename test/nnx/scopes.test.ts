/** Calls of modules are named scopes, as in Flax. @see https://flax-linen.readthedocs.io/en/latest/guides/flax_fundamentals/flax_basics.html */
import * as nnx from "@jaxscale/nnx";
import type * as jax from "jaxscale";
import { jit, numpy as jnp, ready } from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";

class Block extends nnx.Module {
  readonly norm: nnx.RMSNorm;
  readonly up: nnx.Linear;

  constructor(rngs: nnx.Rngs) {
    super();
    this.norm = new nnx.RMSNorm(8, { rngs });
    this.up = new nnx.Linear(8, 8, { rngs });
  }
  call(x: jax.Array): jax.Array {
    return this.up.call(this.norm.call(x));
  }
}

/** Its call calls the one that it overrides. */
class Doubled extends Block {
  override call(x: jax.Array): jax.Array {
    return super.call(x).add(super.call(x.mul(2)));
  }
}

class Model extends nnx.Module {
  readonly layers: nnx.List<Block>;
  readonly extra: nnx.Dict<nnx.Linear>;

  constructor(rngs: nnx.Rngs) {
    super();
    this.layers = new nnx.List([new Block(rngs), new Doubled(rngs)]);
    this.extra = new nnx.Dict({ head: new nnx.Linear(8, 4, { rngs }) });
  }
  call(x: jax.Array): jax.Array {
    const y = this.layers.map((layer) => layer).reduce((z, layer) => layer.call(z), x);
    return this.extra.get("head").call(y);
  }
}

const scopesOf = (f: (x: jax.Array) => jax.Array): readonly string[] => {
  const { segments } = jit(f)
    .lower(jnp.zeros([2, 8]))
    .program();
  return [...new Set(segments.flatMap(({ steps }) => steps).map(({ origin }) => origin.scope))].sort();
};

await ready();
const model = new Model(new nnx.Rngs(0));

test("kernels of a module carry its path from the outermost one", () => {
  const products = scopesOf((x) => model.call(x)).filter((scope) => !scope.endsWith("norm"));
  assert.equal(products, ["extra/head", "layers/0/up", "layers/1/up"]);
});

test("so they do in a model that has been taken apart", () => {
  const [graph, state] = nnx.split(model);
  const products = scopesOf((x) => nnx.merge<Model>(graph, state).call(x)).filter((scope) => !scope.endsWith("norm"));
  assert.equal(products, ["extra/head", "layers/0/up", "layers/1/up"]);
});

test("a module that none holds has the name of its class; the outermost has none", () => {
  class Wrapper extends nnx.Module {
    call(x: jax.Array): jax.Array {
      return new nnx.Linear(8, 8, { rngs: new nnx.Rngs(1) }).call(x);
    }
  }
  assert.ok(scopesOf((x) => new Wrapper().call(x)).includes("Linear"));
  const { up } = model.layers[0];
  assert.equal(
    scopesOf((x) => up.call(x)),
    [""],
  );
});

test("a call that throws ends its scope", () => {
  class Refusing extends nnx.Module {
    readonly up = new nnx.Linear(8, 8, { rngs: new nnx.Rngs(2) });
    call(x: jax.Array): jax.Array {
      return this.up.call(x.reshape(3, 5));
    }
  }
  const refusing = new Refusing();
  assert.throws(() => refusing.call(jnp.zeros([2, 8])), /reshape/);
  const { up } = model.layers[0];
  assert.equal(
    scopesOf((x) => up.call(x)),
    [""],
  );
});

test.run();
