import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type A, agrees, floats, numbers, valuesOf } from "./agrees.ts";
import "../setup.ts";

const { jit, lax, numpy: jnp } = jax;
const int = (n: number): A => jnp.array(n);

/** Steps of the Collatz sequence down to 1. */
const collatz = (n: A, maxTrips?: number): A =>
  lax.whileLoop(
    ([x]: A[]) => x.notEqual(1),
    ([x, steps]: A[]) => [jnp.where(x.mod(2).equal(0), x.floorDivide(2), x.mul(3).add(1)), steps.add(1)],
    [n, int(0)],
    { maxTrips },
  )[1];

// ---- while -------------------------------------------------------------------------

test("a while ends where its condition says, whatever the number of turns", async () => {
  const f = jit((n: A) => collatz(n));
  for (const [n, steps] of [
    [1, 0],
    [2, 1],
    [6, 8],
    [27, 111],
  ])
    assert.equal(await valuesOf(f(int(n))), [[steps]]);
});

test("with a declared maximum it ends there at the latest, in one submit", async () => {
  const f = jit((n: A) => collatz(n, 20));
  await f(int(6)).data();
  const before = jax.statistics().submits;
  const [six, twentySeven] = [f(int(6)), f(int(27))];
  assert.ok(jax.statistics().submits - before <= 2);
  assert.equal(await valuesOf([six, twentySeven, f(int(1))]), [[8], [20], [0]]);
});

test("a while agrees with the interpreter: constants in condition and body, carries of several dtypes", async () => {
  const f = (limit: A, step: A, x: A): unknown =>
    lax.whileLoop(
      ({ x }: { x: A; n: A; last: A; on: A }) => jnp.sum(jnp.abs(x)).less(limit),
      ({ x, n, on }) => ({ x: x.add(step), n: n.add(2), last: x, on: jnp.logicalNot(on) }),
      { x, n: jnp.array(1, { dtype: "int8" }), last: x, on: jnp.array(true) },
    );
  await agrees(f, [numbers([], "float32", 1), numbers([5], "bfloat16", 2), numbers([5], "bfloat16", 3)]);
  const more = (x: A): unknown => f(jnp.float(60), floats(1, 2, 3, 4, 5).astype("bfloat16"), x);
  await agrees(more, [numbers([5], "bfloat16", 3)]);
});

test("carries that change places keep doing so under a condition", async () => {
  const f = jit((n: A) =>
    lax.whileLoop(
      ([i]: A[]) => i.less(n),
      ([i, a, b]: A[]) => [i.add(1), b, a],
      [int(0), floats(1, 2), floats(3, 4)],
    ),
  );
  for (const n of [0, 1, 2, 7])
    assert.equal(await valuesOf(f(int(n))), n % 2 === 0 ? [[n], [1, 2], [3, 4]] : [[n], [3, 4], [1, 2]]);
});

test("a while in a scan begins anew in each turn", async () => {
  const f = (xs: A): unknown =>
    lax.scan(
      (total: A, x: A): [A, A] => {
        const [, turns] = lax.whileLoop(
          ([y]: A[]) => y.less(100),
          ([y, n]: A[]) => [y.mul(2).add(1), n.add(1)],
          [x, int(0)],
        );
        return [total.add(turns), turns];
      },
      0,
      xs,
    );
  assert.equal(await valuesOf(jit(f)(floats(99, 1, 200, 0))), [[1 + 6 + 0 + 7], [1, 6, 0, 7]]);
  assert.equal(await valuesOf(jit(f)(floats(100))), [[0], [0]]);
});

test("a scan in a while, and a while in a while", async () => {
  const powers = jit((n: A) =>
    lax.whileLoop(
      ([i]: A[]) => i.less(n),
      ([i, x]: A[]) => [i.add(1), lax.foriLoop(0, 3, (_, y: A) => y.mul(2), x)],
      [int(0), floats(1, -1)],
    ),
  );
  assert.equal(await valuesOf(powers(int(4))), [[4], [4096, -4096]]);
  assert.equal(await valuesOf(powers(int(0))), [[0], [1, -1]]);
  const nested = jit((n: A) =>
    lax.whileLoop(
      ([i]: A[]) => i.less(n),
      ([i, s]: A[]) => [
        i.add(1),
        lax.whileLoop(
          ([j]: A[]) => j.less(i),
          ([j, t]: A[]) => [j.add(1), t.add(j)],
          [int(0), s],
        )[1],
      ],
      [int(0), int(0)],
    ),
  );
  // Sums of the first triangular numbers.
  assert.equal(await valuesOf(nested(int(5))), [[5], [0 + 0 + 1 + 3 + 6]]);
  assert.equal(await valuesOf(nested(int(1))), [[1], [0]]);
});

test("rows written in place stay where they were written", async () => {
  const f = jit((n: A) =>
    lax.whileLoop(
      ([i]: [A, A]) => i.less(n),
      ([i, out]: [A, A]): [A, A] => [i.add(1), lax.dynamicUpdateSlice(out, i.add(10).reshape([1]), [i.mul(2)])],
      [int(0), jnp.zeros([7], { dtype: "int32" })],
    ),
  );
  assert.equal(await valuesOf(f(int(3))), [[3], [10, 0, 11, 0, 12, 0, 0]]);
  assert.equal(await valuesOf(f(int(0))), [[0], [0, 0, 0, 0, 0, 0, 0]]);
});

test("NaN in a condition is false", async () => {
  const f = jit((x: A) =>
    lax.whileLoop(
      ([y]: A[]) => y.less(10),
      ([y, n]: A[]) => [jnp.sqrt(y.sub(3)), n.add(1)],
      [x, int(0)],
    ),
  );
  assert.equal(await valuesOf(f(jnp.float(4).add(jnp.zeros([])))), [[Number.NaN], [2]]);
});

// ---- cond and switch ---------------------------------------------------------------

test("cond takes the branch that the device's predicate says", async () => {
  const f = jit((p: A, x: A) =>
    lax.cond(
      p,
      (y: A) => ({ a: y.add(1), b: y.sum() }),
      (y: A) => ({ a: y.mul(2), b: y.at(0).get() }),
      x,
    ),
  );
  const x = floats(3, 4, 5);
  assert.equal(await valuesOf(f(jnp.array(true), x)), [[4, 5, 6], [12]]);
  assert.equal(await valuesOf(f(jnp.array(false), x)), [[6, 8, 10], [3]]);
  assert.equal(await valuesOf(f(int(7), x)), [[4, 5, 6], [12]]);
  assert.equal(await valuesOf(f(jnp.float(0), x)), [[6, 8, 10], [3]]);
});

test("the branch that is not taken writes nothing: a cache updated on one side is whole on the other", async () => {
  const f = jit(
    (p: A, cache: A, row: A) =>
      lax.cond(
        p,
        (c: A, r: A) => lax.dynamicUpdateSlice(c, r, [1, 0]),
        (c: A) => c,
        cache,
        row,
      ),
    { donateArgnums: 1 },
  );
  const cache = (): A => jnp.arange(6).reshape([3, 2]).astype("float32").add(0);
  const row = floats(70, 80).reshape([1, 2]);
  assert.equal(await valuesOf(f(jnp.array(false), cache(), row)), [[0, 1, 2, 3, 4, 5]]);
  assert.equal(await valuesOf(f(jnp.array(true), cache(), row)), [[0, 1, 70, 80, 4, 5]]);
});

test("an operand that one side changes is unchanged for what comes after", async () => {
  const f = jit((p: A, x: A) => {
    const y = x.mul(2);
    const z = lax.cond(
      p,
      (v: A) => v.at(0).set(100),
      (v: A) => v.at(1).set(200),
      y,
    );
    return [y, z];
  });
  const x = floats(1, 2, 3);
  assert.equal(await valuesOf(f(jnp.array(true), x)), [
    [2, 4, 6],
    [100, 4, 6],
  ]);
  assert.equal(await valuesOf(f(jnp.array(false), x)), [
    [2, 4, 6],
    [2, 200, 6],
  ]);
});

test("operands that change places, come twice or are the index itself do not disturb one another", async () => {
  const f = jit(
    (i: A, a: A, b: A) => {
      const [c, d] = [a.add(1), b.add(1)];
      const pairs = lax.switch(
        i,
        [
          (x: A, y: A) => [x, y],
          (x: A, y: A) => [y, x],
          (x: A, y: A) => [x.at(0).set(y.at(1).get()), x],
          (_: A, y: A) => [y.at(0).set(-1), y.at(1).set(-2)],
        ],
        c,
        d,
      );
      return lax.cond(
        i.greater(1),
        ([x, y]: A[], j: A) => [x, y.at(0).set(j)],
        ([x, y]: A[], j: A) => [y, x.at(1).set(j)],
        pairs,
        i,
      );
    },
    { donateArgnums: [1, 2] },
  );
  const wants = [
    [
      [3, 4],
      [1, 0],
    ],
    [
      [1, 2],
      [3, 1],
    ],
    [
      [4, 2],
      [2, 2],
    ],
    [
      [-1, 4],
      [3, -2],
    ],
  ];
  for (const [i, want] of wants.entries())
    assert.equal(await valuesOf(f(int(i), floats(0, 1).add(0), floats(2, 3).add(0))), want);
  // The number of the branch is also what the branches change.
  const count = jit((n: A) => {
    const next = n.add(1);
    const step = (k: A): A => lax.switch(k, [(x: A) => x.add(1), (x: A) => x.add(1), (x: A) => x.mul(10)], k);
    return lax.foriLoop(0, 3, (_, k: A) => step(k), next);
  });
  assert.equal(await valuesOf(count(int(-1))), [[20]]);
});

test("a cond in a scan chooses anew in each turn", async () => {
  const f = (c: A, xs: A): unknown =>
    lax.scan(
      (s: A, x: A): [A, A] => {
        const next = lax.cond(
          x.greater(0),
          (v: A) => v.add(x),
          (v: A) => v.mul(0.5),
          s,
        );
        return [next, next.sum()];
      },
      c,
      xs,
    );
  await agrees(f, [numbers([3]), numbers([8], "float32", 9)]);
});

test("a scan in a cond, on the side that runs and on the other", async () => {
  const f = (p: A, x: A): unknown =>
    lax.cond(
      p.sum().greater(0),
      (y: A) => lax.scan((c: A, v: A): [A, A] => [c.add(v), c], jnp.zeros([]), y),
      (y: A) => [y.max(), y.mul(3)] as [A, A],
      x,
    );
  for (const seed of [1, 2, 3, 4]) await agrees(f, [numbers([1], "float32", seed), numbers([6])]);
});

test("a while in a cond does not turn on the side that is not taken", async () => {
  const f = jit((p: A, n: A) =>
    lax.cond(
      p,
      (m: A) => collatz(m),
      (m: A) => m.mul(1000),
      n,
    ),
  );
  assert.equal(await valuesOf(f(jnp.array(true), int(6))), [[8]]);
  // 0 is even forever: a loop that ran here would not end.
  assert.equal(await valuesOf(f(jnp.array(false), int(0))), [[0]]);
});

test("conds in conds, with constants of their own", async () => {
  const [k, m] = [floats(10, 20), floats(1, 2)];
  const f = (x: A): unknown =>
    lax.cond(
      x.at(0).get().greater(0),
      (y: A) =>
        lax.cond(
          y.at(1).get().greater(0),
          (z: A) => z.add(k),
          (z: A) => z.mul(m),
          y,
        ),
      (y: A) => y.sub(k).mul(m),
      x,
    );
  for (const [x, want] of [
    [
      [1, 1],
      [11, 21],
    ],
    [
      [1, -1],
      [1, -2],
    ],
    [
      [-1, 1],
      [-11, -38],
    ],
  ])
    assert.equal(await valuesOf(jit(f)(floats(...x))), [want]);
});

test("switch clamps its index to the branches", async () => {
  const f = jit((i: A, x: A) => lax.switch(i, [(y: A) => y.add(1), (y: A) => y.mul(10), (y: A) => y.neg()], x));
  const x = floats(1, 2);
  for (const [i, want] of [
    [-5, [2, 3]],
    [0, [2, 3]],
    [1, [10, 20]],
    [2, [-1, -2]],
    [99, [-1, -2]],
  ] as const)
    assert.equal(
      await valuesOf([f(int(i), x), lax.switch(i, [(y: A) => y.add(1), (y: A) => y.mul(10), (y: A) => y.neg()], x)]),
      [want, want],
    );
  assert.equal(await valuesOf(f(jnp.array(4000000000, { dtype: "uint32" }), x)), [[2, 3]]);
});

test("branches that give what they got, a constant, a number or one thing twice", async () => {
  const k = floats(7, 8);
  const f = jit((i: A, x: A, y: A) =>
    lax.switch(i, [(a: A, b: A) => [a, b], (a: A, b: A) => [b, a], (a: A) => [a, a], () => [k, jnp.zeros([2])]], x, y),
  );
  const [x, y] = [floats(1, 2), floats(3, 4)];
  const wants = [
    [
      [1, 2],
      [3, 4],
    ],
    [
      [3, 4],
      [1, 2],
    ],
    [
      [1, 2],
      [1, 2],
    ],
    [
      [7, 8],
      [0, 0],
    ],
  ];
  for (const [i, want] of wants.entries()) assert.equal(await valuesOf(f(int(i), x, y)), want);
});

test.run();
