import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type A, agrees, floats, numbers, valuesOf } from "./agrees.ts";
import "../setup.ts";

const { jit, lax, numpy: jnp } = jax;

const running = (c: A, x: A): [A, A] => [c.add(x), c.add(x)];

// ---- scan against formulas ---------------------------------------------------------

test("scan passes a carry from slice to slice and stacks what the body gives", async () => {
  const xs = floats(1, 2, 3, 4);
  assert.equal(await valuesOf(lax.scan(running, floats(10).slice(0), xs)), [[20], [11, 13, 16, 20]]);
  assert.equal(await valuesOf(jit((x: A) => lax.scan(running, 0, x))(xs)), [[10], [1, 3, 6, 10]]);
});

test("in reverse the last slice comes first, and outputs stay beside their slices", async () => {
  const f = jit((x: A) => lax.scan(running, 0, x, { reverse: true }));
  assert.equal(await valuesOf(f(floats(1, 2, 3, 4))), [[10], [10, 9, 7, 4]]);
});

test("without inputs the length says how often", async () => {
  const f = jit((c: A) => lax.scan((x: A): [A, A] => [x.mul(2), x], c, null, { length: 5 }));
  assert.equal(await valuesOf(f(floats(3))), [[96], [3, 6, 12, 24, 48]]);
});

test("unroll changes nothing but the jaxpr's word", async () => {
  const f = (unroll: number) => (x: A) => lax.scan(running, 0, x, { unroll });
  assert.match(String(jax.makeJaxpr(f(2))(floats(1, 2, 3))), /unroll=2/);
  assert.equal(await valuesOf(jit(f(2))(floats(1, 2, 3))), [[6], [1, 3, 6]]);
});

test("no turn gives the first carry and stacks of nothing", async () => {
  const [carry, ys] = jit((c: A, x: A) => lax.scan((s: A, v: A): [A, A] => [s.add(v), jnp.stack([s, v])], c, x))(
    floats(7).slice(0),
    jnp.zeros([0]),
  );
  assert.equal(await valuesOf(carry), [[7]]);
  assert.equal(ys.shape, [0, 2]);
  const [same] = lax.scan((s: A): [A, null] => [s.mul(2), null], floats(1, 2), null, { length: 0 });
  assert.equal(await valuesOf(same), [[1, 2]]);
});

test("a carry that is passed through, and two that change places, are right after odd and even numbers of turns", async () => {
  const swap = (turns: number) =>
    jit((a: A, b: A, c: A) =>
      lax.scan(([x, y, z]: A[]): [A[], A] => [[y, x, z], x.sub(y)], [a, b, c], null, { length: turns }),
    );
  const [a, b, c] = [floats(1, 2, 3), floats(10, 20, 30), floats(5)];
  assert.equal(await valuesOf(swap(3)(a, b, c)), [
    [10, 20, 30],
    [1, 2, 3],
    [5],
    [-9, -18, -27, 9, 18, 27, -9, -18, -27],
  ]);
  assert.equal(await valuesOf(swap(2)(a, b, c)[0]), [[1, 2, 3], [10, 20, 30], [5]]);
});

test("three carries that go round, one of them changed, keep their order", async () => {
  const f = jit((a: A, b: A, c: A) => lax.foriLoop(0, 4, (_, [x, y, z]: A[]) => [z, x.add(1), y.mul(2)], [a, b, c]));
  let want = [1, 2, 3];
  for (let i = 0; i < 4; i++) want = [want[2], want[0] + 1, want[1] * 2];
  assert.equal((await valuesOf(f(floats(1), floats(2), floats(3)))).flat(), want);
});

test("Fibonacci: a carry that takes another's old value", async () => {
  const f = jit(() =>
    lax.scan(([a, b]: A[]): [A[], A] => [[b, a.add(b)], a], [jnp.array(0), jnp.array(1)], null, { length: 10 }),
  );
  assert.equal(await valuesOf(f()[1]), [[0, 1, 1, 2, 3, 5, 8, 13, 21, 34]]);
});

test("one array as carry, input and closed-over constant at once is not disturbed", async () => {
  const f = jit((x: A) => {
    const [last, ys] = lax.scan((c: A, row: A): [A, A] => [c.add(row).add(x), c.sum()], x, jnp.stack([x, x]));
    return [last, ys, x];
  });
  const x = floats(1, 2);
  assert.equal(await valuesOf(f(x)), [
    [5, 10],
    [3, 9],
    [1, 2],
  ]);
  const same = jit((v: A) => lax.scan((c: A, e: A): [A, A] => [c.mul(2).add(e), e], v, jnp.outer(v, v)));
  assert.equal(await valuesOf(same(x)), [
    [4 + 2 + 2, 8 + 4 + 4],
    [1, 2, 2, 4],
  ]);
});

test("a carry may also be an input as it is", async () => {
  const f = jit((x: A) => lax.scan((c: A, e: A): [A, A] => [c.add(e), c], x, x));
  assert.equal(await valuesOf(f(floats(1, 2, 3).reshape([3, 1])).flat()), [
    [7, 8, 9],
    [1, 2, 3, 2, 3, 4, 4, 5, 6],
  ]);
});

test("a weak carry becomes what the body gives, and stays weak where that has the same dtype", async () => {
  const [carry] = jit((x: A) => lax.scan((c: A, v: A): [A, null] => [c.add(v), null], 0, x))(floats(0.5, 0.25));
  assert.equal([carry.dtype, ...(await valuesOf(carry))], ["float32", [0.75]]);
  const [whole] = lax.scan((c: A): [A, null] => [c.add(1), null], 0, null, { length: 3 });
  assert.equal([whole.dtype, whole.weakType, ...(await valuesOf(whole))], ["int32", true, [3]]);
  const half = lax.foriLoop(0, 3, (_, c: A) => c.add(jnp.ones([], { dtype: "bfloat16" })), 1);
  assert.equal([half.dtype, ...(await valuesOf(half))], ["bfloat16", [4]]);
});

test("trees of carries, inputs and outputs keep their structure; null holds nothing", async () => {
  const f = jit((a: A, b: A) =>
    lax.scan(
      ({ sum, turn }: { sum: A; turn: A }, [x, { y }]: [A, { y: A }]) => [
        { sum: sum.add(x.mul(y)), turn: turn.add(1) },
        { x, nothing: null, both: [turn, y] },
      ],
      { sum: jnp.zeros([]), turn: jnp.array(0) },
      [a, { y: b }] as [A, { y: A }],
    ),
  );
  const [{ sum, turn }, { x, nothing, both }] = f(floats(1, 2, 3), floats(4, 5, 6));
  assert.is(nothing, null);
  assert.equal(await valuesOf([sum, turn, x, both]), [[32], [3], [1, 2, 3], [0, 1, 2], [4, 5, 6]]);
});

test("map is its function of each row", async () => {
  const f = jit((x: A) => lax.map((row: A) => ({ total: row.sum(), row: row.mul(2) }), x));
  assert.equal(await valuesOf(f(floats(1, 2, 3, 4).reshape([2, 2]))), [
    [2, 4, 6, 8],
    [3, 7],
  ]);
});

test("foriLoop counts from its lower to its upper bound, also where they are on the device", async () => {
  const sum = (low: A | number, high: A | number): A => lax.foriLoop(low, high, (i, s: A) => s.add(i), jnp.array(0));
  for (const [low, high, want] of [
    [0, 5, 10],
    [3, 7, 18],
    [-2, 2, -2],
    [5, 2, 0],
  ]) {
    assert.equal(await valuesOf(sum(low, high)), [[want]]);
    assert.equal(await valuesOf(jit(sum)(jnp.array(low), jnp.array(high))), [[want]]);
  }
});

// ---- scan against the interpreter --------------------------------------------------

test("packed carries and slices of odd sizes keep their neighbours", async () => {
  for (const dtype of ["bfloat16", "float16", "int8", "uint16"] as const) {
    const f = (c: A, x: A): unknown => lax.scan((s: A, v: A): [A, A] => [s.add(v), s.mul(v)], c, x);
    await agrees(f, [numbers([3], dtype, 2), numbers([5, 3], dtype, 3)], { anyZero: true });
  }
  await agrees(
    (x: A) =>
      lax.scan((c: A, b: A): [A, A] => [jnp.logicalXor(c, b), jnp.logicalNot(c)], jnp.zeros([], { dtype: "bool" }), x),
    [numbers([7], "bool", 4)],
  );
});

test("scalars of packed outputs share words", async () => {
  const f = (x: A): unknown =>
    lax.scan((c: A, v: A): [A, A[]] => [c.add(1), [v.astype("int8"), c.astype("bfloat16"), v.greater(0)]], 0, x, {
      reverse: true,
    });
  await agrees(f, [numbers([9], "float32", 5)]);
});

test("a recurrent network: products, constants of the body, a carry of two dimensions", async () => {
  const f = (w: A, u: A, h: A, x: A): unknown =>
    lax.scan(
      (c: A, v: A): [A, A] => {
        const next = jnp.tanh(c.dot(w).add(v.dot(u)));
        return [next, next.sum({ axis: 1 })];
      },
      h,
      x,
    );
  await agrees(f, [numbers([5, 5], "float32", 1), numbers([3, 5], "float32", 2), numbers([2, 5]), numbers([6, 2, 3])]);
});

test("layers stacked along the first axis", async () => {
  const f = (w: A, b: A, x: A): unknown =>
    lax.scan((c: A, [weight, bias]: A[]): [A, null] => [jax.nn.silu(c.dot(weight).add(bias)), null], x, [w, b])[0];
  await agrees(f, [numbers([4, 8, 8]), numbers([4, 8], "float32", 2), numbers([3, 8], "float32", 3)]);
});

test("a scan in a scan reads both turns", async () => {
  const f = (x: A): unknown =>
    lax.scan(
      (c: A, row: A): [A, A] => {
        const [inner, ys] = lax.scan((s: A, v: A): [A, A] => [s.mul(0.5).add(v), s], c, row, { reverse: true });
        return [inner, ys.add(c)];
      },
      jnp.zeros([]),
      x,
    );
  await agrees(f, [numbers([3, 4])]);
});

test("loops three deep, one with no turn", async () => {
  const f = (x: A): unknown =>
    lax.foriLoop(
      0,
      2,
      (i, a: A) =>
        lax.foriLoop(
          0,
          3,
          (j, b: A) =>
            lax.foriLoop(
              0,
              0,
              (_, c: A) => c.mul(0),
              lax.foriLoop(1, 3, (k, c: A) => c.mul(i.add(j)).add(k), b),
            ),
          a,
        ),
      x,
    );
  await agrees(f, [numbers([3])]);
});

test("a scan over nothing but its turns keeps a long sum exact", async () => {
  const f = jit((x: A) => lax.foriLoop(0, 1000, (i, s: A) => s.add(i), x));
  assert.equal(await valuesOf(f(jnp.array(0))), [[499500]]);
});

test("carries and outputs that nobody wants are dropped without harm", async () => {
  const f = (x: A): unknown => {
    const [[a]] = lax.scan(
      ([u, v]: A[], e: A): [A[], A[]] => [
        [u.add(e), v.mul(e)],
        [u, v],
      ],
      [x.slice(0), x.slice(1)],
      x,
    );
    return a;
  };
  await agrees(f, [numbers([5])]);
});

test.run();
