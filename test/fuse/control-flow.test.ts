import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import type { Program, Step } from "../../packages/jaxscale/src/kernel/program.ts";
import { floats, valuesOf } from "../api/agrees.ts";
import "../setup.ts";

const { jit, lax, nn, numpy: jnp } = jax;
type A = jax.Array;
type F = (...args: A[]) => unknown;

await jax.ready();

const struct = (shape: readonly number[], dtype: DType = "float32"): A =>
  new jax.ShapeDtypeStruct(shape, dtype) as unknown as A;
const programOf = (f: F, args: readonly A[], options: jax.JitOptions = {}): Program =>
  jit(f, options)
    .lower(...args)
    .program();
const steps = (program: Program): readonly Step[] => program.segments.flatMap((s) => s.steps);

/** The steps inside of loops, at any depth. */
const inLoops = (list: readonly Step[], inside = false): readonly Step[] =>
  list.flatMap((s) => (s.kind === "loop" ? inLoops(s.body, true) : inside ? [s] : []));

function names(program: Program, list: readonly Step[]): string[] {
  return list.map((s) => (s.kind === "dispatch" ? program.kernels[s.kernel].name : s.kind));
}

/** Slots of at least so many bytes that steps write, and whole copies. */
function writesOf(program: Program, list: readonly Step[], atLeastBytes: number): string[] {
  return list.flatMap((s) => {
    if (s.kind === "copy") return s.sizeBytes >= atLeastBytes ? [`copy of ${s.sizeBytes} bytes`] : [];
    if (s.kind !== "dispatch") return [];
    return s.bindings
      .filter((b) => b.access === "read_write" && program.slots[b.slot].sizeBytes >= atLeastBytes)
      .map(() => program.kernels[s.kernel].name);
  });
}

const running = (c: A, x: A): [A, A] => [c.mul(0.5).add(x), c];

test("a body is compiled once, whatever the number of turns", () => {
  const scan = (turns: number) => programOf((c, x) => lax.scan(running, c, x), [struct([]), struct([turns])]);
  const fori = (turns: number) =>
    programOf((x) => lax.foriLoop(0, turns, (i, v: A) => jnp.sin(v).dot(v).add(i), x), [struct([8, 8])]);
  for (const make of [scan, fori]) {
    const [two, many] = [make(2), make(200)];
    assert.equal(
      many.kernels.map((k) => k.name),
      two.kernels.map((k) => k.name),
    );
    assert.is(steps(many).length, steps(two).length);
  }
});

test("a while and its condition are compiled once each; so are the two sides of a cond", () => {
  const program = programOf(
    (x) =>
      lax.whileLoop(
        (v: A) => v.sum().less(100),
        (v: A) => jnp.sin(v).add(2),
        x,
      ),
    [struct([100])],
  );
  const all = program.kernels.map((k) => k.name);
  assert.is(all.filter((n) => /reduce_sum/.test(n)).length, 1);
  assert.is(all.filter((n) => /sin/.test(n)).length, 1);
  const branches = programOf(
    (p, x) =>
      lax.cond(
        p,
        (v: A) => jnp.sin(v),
        (v: A) => jnp.cos(v),
        x,
      ),
    [struct([], "bool"), struct([100])],
  );
  for (const side of [/^sin/, /^cos/]) assert.is(branches.kernels.filter((k) => side.test(k.name)).length, 1);
});

test("a choice that the host knows leaves only its branch in the program", () => {
  const program = programOf(
    (x) =>
      lax.cond(
        false,
        (v: A) => jnp.sin(v),
        (v: A) => jnp.cos(v),
        x,
      ),
    [struct([100])],
  );
  assert.not.ok(program.kernels.some((k) => /sin/.test(k.name)));
  assert.not.ok(program.kernels.some((k) => k.name.includes("convert")));
});

test("memory does not grow with the turns", () => {
  const temporary = (turns: number): number =>
    programOf(
      (x, w) => lax.foriLoop(0, turns, (_, v: A) => jnp.tanh(v.dot(w)), x),
      [struct([64, 64]), struct([64, 64])],
    ).arenas.reduce((a, b) => a + b, 0);
  assert.is(temporary(100), temporary(2));
  assert.ok(temporary(2) <= 2 * 64 * 64 * 4);
});

test("weights stacked along the layers are read where they lie", () => {
  for (const dtype of ["float32", "bfloat16"] as const) {
    const layers = 6;
    const program = programOf(
      (w, gain, x) =>
        lax.scan((h: A, [m, g]: A[]): [A, null] => [nn.silu(h.mul(g).dot(m)).add(h), null], x, [w, gain])[0],
      [struct([layers, 64, 64], dtype), struct([layers, 64], dtype), struct([4, 64], dtype)],
    );
    const body = inLoops(steps(program));
    const weights = program.slots.findIndex((s) => s.kind === "argument" && s.index === 0);
    const reading = body.filter((s) => s.kind === "dispatch" && s.bindings.some((b) => b.slot === weights));
    assert.equal(reading.length, 1, names(program, body).join());
    assert.match(names(program, reading)[0], /^dot_general/);
    // Nothing in the loop is as large as one layer's weights.
    assert.equal(writesOf(program, body, 64 * 64 * 2), []);
  }
});

test("weights of a transposed product, and gathered experts, are read in place in a loop too", () => {
  const program = programOf(
    (w, x) => lax.scan((h: A, m: A): [A, null] => [h.dot(m.T), null], x, w)[0],
    [struct([3, 64, 64]), struct([2, 64])],
  );
  assert.equal(writesOf(program, inLoops(steps(program)), 64 * 64 * 4), []);
  const experts = programOf(
    (w, ids, x) => lax.scan((h: A, m: A): [A, null] => [jnp.einsum("td,tdh->th", h, m.slice(ids)), null], x, w)[0],
    [struct([3, 8, 64, 64]), struct([2], "int32"), struct([2, 64])],
  );
  assert.equal(writesOf(experts, inLoops(steps(experts)), 64 * 64 * 4), []);
});

const cacheBytes = 1000 * 64 * 4;
const [cache, rows] = [struct([1000, 64]), struct([4, 64])];

test("a cache that a loop updates is the donated argument itself, and is never copied", () => {
  const append = (c: A, x: A): unknown =>
    lax.scan(
      ([k, i]: A[], v: A): [A[], A] => {
        const next = lax.dynamicUpdateSlice(k, v.reshape([1, 64]), [i, 0]);
        return [[next, i.add(1)], next.dot(v)];
      },
      [c, jnp.array(0)],
      x,
    );
  const program = programOf(append, [cache, rows], { donateArgnums: 0 });
  const list = steps(program);
  assert.equal(
    writesOf(program, inLoops(list), cacheBytes).map((n) => /^dynamic_update_slice/.test(n)),
    [true],
  );
  assert.equal(writesOf(program, list, cacheBytes), []);
  assert.ok(program.slots.some((s) => s.kind === "output" && s.donor === 0));
  // Not donated, it is copied once before the loop.
  const kept = programOf(append, [cache, rows]);
  assert.is(writesOf(kept, steps(kept), cacheBytes).length, 1);
  assert.is(writesOf(kept, inLoops(steps(kept)), cacheBytes).length, 1);
});

test("the caches of all layers, one array in the carry, are updated and read in place", () => {
  const program = programOf(
    (c, w, x) =>
      lax.scan(
        ([k, h, l]: A[], m: A): [A[], null] => {
          const next = lax.dynamicUpdateSlice(k, h.dot(m).reshape([1, 1, 64]), [l, 3, 0]);
          const own = lax.dynamicIndexInDim(next, l, { keepdims: false });
          return [[next, own.T.dot(nn.softmax(own.dot(h))), l.add(1)], null];
        },
        [c, x, jnp.array(0)],
        w,
      )[0],
    [struct([4, 1000, 64], "bfloat16"), struct([4, 64, 64], "bfloat16"), struct([64], "bfloat16")],
    { donateArgnums: 0 },
  );
  const list = [...steps(program), ...inLoops(steps(program))];
  const large = writesOf(program, list, 64 * 64 * 2);
  assert.equal(
    large.map((n) => /^dynamic_update_slice/.test(n)),
    [true],
    large.join(),
  );
});

test("a cache in a while is updated in place as well", () => {
  const program = programOf(
    (c, x) =>
      lax.whileLoop(
        ([, i]: A[]) => i.less(5),
        ([k, i]: A[]) => [lax.dynamicUpdateSlice(k, x, [i, 0]), i.add(1)],
        [c, jnp.array(0)],
      ),
    [cache, struct([1, 64])],
    { donateArgnums: 0 },
  );
  const large = writesOf(program, [...steps(program), ...inLoops(steps(program))], cacheBytes);
  assert.is(large.length, 1, large.join());
});

test("a cond that updates a cache on one side, or on both, copies none of it", () => {
  const put = (c: A, row: A): A => lax.dynamicUpdateSlice(c, row, [3, 0]);
  const types = [struct([], "bool"), cache, struct([1, 64])];
  const one = (p: A, c: A, row: A): A => lax.cond(p, put, (k: A) => k, c, row);
  const both = (p: A, c: A, row: A): A => lax.cond(p, put, (k: A, r: A) => put(put(k, r.mul(2)), r.add(1)), c, row);
  const inScan = (p: A, c: A, row: A): A =>
    lax.scan((k: A): [A, null] => [one(p, k, row), null], c, null, { length: 3 })[0];
  const scanInside = (p: A, c: A, row: A): A =>
    lax.cond(
      p,
      (k: A) => inScan(row.at(0, 0).get().greater(0), k, row),
      (k: A) => k,
      c,
    );
  for (const [f, writes] of [
    [one, 1],
    [both, 3],
    [inScan, 1],
    [scanInside, 1],
  ] as const) {
    const program = programOf(f as F, types, { donateArgnums: 1 });
    const large = writesOf(program, [...steps(program), ...inLoops(steps(program))], cacheBytes);
    assert.equal(
      large.map((n) => /^dynamic_update_slice/.test(n)),
      new Array(writes).fill(true),
      large.join(),
    );
  }
});

test("a loop of known length is one submit, of one that the device ends a few", async () => {
  const f = jit((c: A, x: A) => lax.scan(running, c, x));
  const g = jit((x: A) =>
    lax.whileLoop(
      (v: A) => v.less(1000),
      (v: A) => v.add(1),
      x,
      { maxTrips: 100 },
    ),
  );
  const [c, x, k] = [floats(1).sum(), jnp.zeros([200]), jnp.zeros([])];
  await jax.blockUntilReady([f(c, x), g(k)]);
  const before = { ...jax.statistics() };
  const [last] = f(c, x);
  assert.is(jax.statistics().submits - before.submits, 1);
  assert.is(jax.statistics().launches - before.launches, 1);
  const y = g(k);
  assert.is(jax.statistics().submits - before.submits, 2);
  assert.is(jax.statistics().pipelinesCreated, before.pipelinesCreated);
  assert.equal(await valuesOf([last, y]), [[0], [100]]);
});

test.run();
