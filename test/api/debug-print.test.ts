import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { meshOf } from "../conformance/rows-sharding.ts";
import "../setup.ts";

const { debug, jit, lax, numpy: jnp } = jax;

/** The lines that `f` prints. */
async function printed(f: () => unknown): Promise<string[]> {
  const lines: string[] = [];
  const { log } = console;
  console.log = (line: string) => void lines.push(line);
  try {
    await f();
    await jax.effectsBarrier();
  } finally {
    console.log = log;
  }
  return lines;
}

const range = (n: number): jax.Array => jnp.arange(n, { dtype: "float32" });

test("prints from inside jit in the program's order, values as JAX writes them", async () => {
  const f = jit((x: jax.Array) => {
    debug.print("x = {}", x);
    const y = x.mul(2);
    debug.print("max {1}, sum {0}, {{}}", y.sum(), y.max());
    debug.print("done");
    return y;
  });
  const expected = ["x = [0. 1. 2.]", "max 4.0, sum 6.0, {}", "done"];
  assert.equal(await printed(() => f(range(3))), expected);
  assert.equal(await printed(() => [f(range(3)), f(range(3))]), [...expected, ...expected]);
});

test("on a mesh it prints the whole array once, however it lies", async () => {
  const f = jit((x: jax.Array) => {
    debug.print("{}", x.mul(2));
    return x;
  });
  const sharding = new jax.NamedSharding(meshOf({ x: 2 }), jax.P("x"));
  assert.equal(await printed(() => f(jax.devicePut(range(4), sharding))), ["[0. 2. 4. 6.]"]);
});

test("the jaxpr shows it as an equation without results", () => {
  const f = (x: jax.Array): jax.Array => {
    debug.print("x {}", x);
    return x;
  };
  assert.is(String(jax.makeJaxpr(f)(range(3))), '{ lambda ; a:f32[3]. let debug_print[fmt="x {}"] a in (a,) }');
});

test("outside of jit it prints at once, in order with what jit prints", async () => {
  const f = jit((x: jax.Array) => debug.print("inside {}", x) as unknown as null);
  const lines = await printed(() => {
    debug.print("before {}", 1);
    f(jnp.array(2));
    debug.print("after {}", jnp.array(true));
  });
  assert.equal(lines, ["before 1", "inside 2", "after True"]);
});

test("prints that no result needs are not dropped, in calls, gradients and scans either", async () => {
  const inner = jit((x: jax.Array) => {
    debug.print("inner {}", x);
    return x.mul(x).sum();
  });
  const outer = jit((x: jax.Array) => {
    inner(x);
    return x;
  });
  assert.equal(await printed(() => outer(range(2))), ["inner [0. 1.]"]);
  assert.equal(await printed(() => jit(jax.grad(inner))(range(2))), ["inner [0. 1.]"]);
  const scanned = jit((xs: jax.Array) => {
    lax.scan(
      (c: null, x: jax.Array) => {
        debug.print("turn {}", x);
        return [c, null] as const;
      },
      null,
      xs,
    );
    return xs;
  });
  assert.equal(await printed(() => scanned(range(2))), ["turn 0.0", "turn 1.0"]);
});

test("in a scan it prints every turn, in order, nested ones too", async () => {
  const f = jit((xs: jax.Array) =>
    lax.scan(
      (carry: jax.Array, x: jax.Array) => {
        debug.print("carry {}, x {}", carry, x);
        const inside = lax.foriLoop(
          0,
          2,
          (i, c: jax.Array) => {
            debug.print("  i {}", i);
            return c.add(i);
          },
          x,
        );
        debug.print("tick");
        return [carry.add(inside), null] as const;
      },
      jnp.array(0),
      xs,
      { reverse: true },
    ),
  );
  const lines = await printed(async () => assert.is(await f(jnp.arange(2))[0].item(), 3));
  assert.equal(lines, ["carry 0, x 1", "  i 0", "  i 1", "tick", "carry 2, x 0", "  i 0", "  i 1", "tick"]);
});

test("of a cond it prints the branch that was taken", async () => {
  const f = jit((x: jax.Array) =>
    lax.cond(
      x.sum().greater(2),
      (x: jax.Array) => {
        debug.print("big {}", x);
        return x;
      },
      (x: jax.Array) => {
        debug.print("small {} {}", x.sum(), x.max());
        return x.mul(2);
      },
      x,
    ),
  );
  assert.equal(await printed(() => f(jnp.arange(3))), ["big [0 1 2]"]);
  assert.equal(await printed(() => f(jnp.arange(2))), ["small 1 1"]);
});

test("under vmap it prints a line for each index", async () => {
  const f = (x: jax.Array): jax.Array => {
    debug.print("row {}", x);
    return x;
  };
  assert.equal(await printed(() => jax.vmap(f, { inAxes: 1 })(range(6).reshape([3, 2]))), [
    "row [0. 2. 4.]",
    "row [1. 3. 5.]",
  ]);
});

test("a donated argument is printed as it was", async () => {
  const f = jit(
    (x: jax.Array) => {
      debug.print("{}", x);
      return x.at(0).set(9);
    },
    { donateArgnums: 0 },
  );
  assert.equal(await printed(async () => assert.equal(await f(range(3)).toList(), [9, 1, 2])), ["[0. 1. 2.]"]);
});

test("where only the device knows how often, it is refused, with what does instead", async () => {
  const f = jit((x: jax.Array) =>
    lax.whileLoop(
      (c: jax.Array) => c.less(3),
      (c: jax.Array) => {
        debug.print("{}", c);
        return c.add(1);
      },
      x,
    ),
  );
  assert.throws(
    () => f(jnp.array(0)),
    /while: must have no effects such as debug\.print inside.*; use scan, or foriLoop with bounds known on the host, or print after it/,
  );
  const counted = jit((x: jax.Array) =>
    lax.foriLoop(
      0,
      3,
      (_, c: jax.Array) => {
        debug.print("{}", c);
        return c.add(1);
      },
      x,
    ),
  );
  assert.equal(await printed(() => counted(jnp.array(0)).item()), ["0", "1", "2"]);
});

test("a format whose places do not fit its arrays is refused", () => {
  assert.throws(() => debug.print("{} {}", 1), /a place \{\} for each array; got 2 places in "\{\} \{\}" for 1 arrays/);
  assert.throws(() => debug.print("{3}", 1), /debug\.print: the format must have a place/);
  assert.throws(() => debug.print("x", 1), /got 0 places/);
});

test("pureCallback is refused, with what to do instead", () => {
  assert.throws(() => jax.pureCallback(), /pureCallback: a kernel must not wait for JavaScript.*customKernel/);
});

test.run();
