import { readFileSync } from "node:fs";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { drawSharding } from "../../packages/jaxscale/src/api/visualize-sharding.ts";
import { meshOf } from "../conformance/rows-sharding.ts";
import "../setup.ts";

const { debug, lax, numpy: jnp, P } = jax;
type A = jax.Array;
const mesh = meshOf({ x: 2, y: 4 });
const named = (...spec: (string | string[] | null)[]): jax.NamedSharding => new jax.NamedSharding(mesh, P(...spec));

interface Drawing {
  readonly mesh: Readonly<Record<string, number>>;
  readonly shape: readonly number[];
  readonly spec: readonly (string | string[] | null)[];
  readonly options: { readonly scale?: number; readonly min_width?: number };
  readonly text: string;
}
// What JAX drew: fixtures/visualize-sharding/generate.py.
const drawings = JSON.parse(
  readFileSync(new URL("../fixtures/visualize-sharding/drawings.json", import.meta.url), "utf8"),
) as readonly Drawing[];

test("drawings are those of JAX", () => {
  for (const { mesh, shape, spec, options, text } of drawings) {
    const sharding = new jax.NamedSharding(meshOf(mesh), P(...spec));
    const drawn = drawSharding(shape, sharding, { scale: options.scale, minWidth: options.min_width });
    assert.is(`${drawn}\n`, text.replaceAll("CPU", "GPU"));
  }
});

test("a drawing that would be too wide has narrower parts, which still show their devices", () => {
  const lines = drawSharding([8, 64], named("y", "x"), { maxWidth: 60 }).split("\n");
  assert.is(lines[0].length, 59);
  assert.match(lines[1], /^│ +GPU 0 +│ +GPU 4 +│$/);
  assert.match(drawSharding([8, 8], named(null, ["x", "y"]), { maxWidth: 20 }), /│GPU 0│GPU 1│/);
});

const printed = (f: () => void): string => {
  const { log } = console;
  const lines: string[] = [];
  console.log = (line: string) => lines.push(line);
  try {
    f();
  } finally {
    console.log = log;
  }
  return lines.join("\n");
};

test("an array is drawn where it lies: at once with values, when it is compiled within jit", () => {
  const x = jax.devicePut(jnp.zeros([8, 16]), named("x", "y"));
  const drawn = drawSharding([8, 16], named("x", "y"));
  assert.is(
    printed(() => jax.visualizeArraySharding(x)),
    drawn,
  );
  const f = jax.jit((x: A) => {
    debug.visualizeArraySharding(x.mul(2));
    return x.sum();
  });
  assert.is(
    printed(() => f(x)),
    drawn,
  );
  assert.is(
    printed(() => f(x)),
    "",
  );
  assert.throws(() => debug.visualizeArraySharding(jnp.zeros([2, 2, 2])), /one or two dimensions; got shape \[2,2,2\]/);
});

test("inspectArraySharding tells the sharding that the compiler chose", () => {
  const seen: string[] = [];
  const inspect = (x: unknown): void =>
    debug.inspectArraySharding(x, {
      callback: (s) => seen.push(s instanceof jax.NamedSharding ? `${s.spec}` : "one device"),
    });
  const f = jax.jit((x: A, w: A) => {
    const y = x.dot(w);
    inspect({ y, sum: y.sum() });
    inspect(jnp.sin(w));
    const step = (c: A): [A, null] => {
      inspect(c);
      return [c.add(1), null];
    };
    return lax.scan(step, y.sum(), null, { length: 2 })[0];
  });
  const [x, w] = [jax.devicePut(jnp.ones([8, 16]), named("x")), jax.devicePut(jnp.ones([16, 32]), named(null, "y"))];
  // When it is compiled, whether run or not.
  f.lower(x, w).compile();
  assert.equal(seen.splice(0).sort(), ["P('x', 'y')", "P()", "P()", "P(None, 'y')"]);
  f(jnp.ones([8, 16]), jnp.ones([16, 32]));
  assert.equal(seen.splice(0), ["one device", "one device", "one device", "one device"]);
  inspect([x, jnp.ones(2)]);
  assert.equal(seen.splice(0), ["P('x',)", "one device"]);
});

test("inspecting changes no results, and passes through derivatives and vmap", async () => {
  const seen: string[] = [];
  const f = (x: A): A => {
    debug.inspectArraySharding(x, { callback: (s) => seen.push(`${(s as jax.NamedSharding).spec}`) });
    return jnp.sum(x.mul(x));
  };
  const x = jax.devicePut(jnp.arange(8, { dtype: "float32" }).reshape([4, 2]), named("y"));
  const gradients = jax.jit(jax.vmap(jax.grad(f)))(x);
  assert.equal(seen, ["P('y',)"]);
  assert.equal(await gradients.toList(), [
    [0, 2],
    [4, 6],
    [8, 10],
    [12, 14],
  ]);
});

test.run();
