/** Random nests of loops and branches over carries that are swapped, repeated and updated in place. */
import fc from "fast-check";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type A, numbers } from "../api/agrees.ts";
import { difference, onDevice, onHost, randomNumbers, reference } from "../tensors.ts";
import { runs } from "./runs.ts";
import "../setup.ts";

const { jit, lax, numpy: jnp } = jax;

type Carries = readonly A[];
type Step = (carries: Carries, index: A) => Carries;

/** Steps over `width` int32 arrays of three elements, all values below 97. */
class Nest {
  readonly #next: () => number;
  readonly width: number;

  constructor(seed: number, width: number) {
    this.#next = randomNumbers(seed);
    this.width = width;
  }
  #below(n: number): number {
    return Math.floor(this.#next() * n);
  }

  /** A few steps, one after the other; what each does is drawn once, so that it is the same at every trace. */
  steps(depth: number): Step {
    const list = Array.from({ length: 1 + this.#below(3) }, () => this.#step(depth));
    return (carries, index) => list.reduce((c, step) => step(c, index), carries);
  }

  #step(depth: number): Step {
    const [to, from, other, place] = [this.width, this.width, this.width, 3].map((n) => this.#below(n));
    const put = (carries: Carries, value: A): Carries => carries.map((c, i) => (i === to ? value : c));
    const simple: Step[] = [
      (c) => put(c, c[from].add(c[other]).mod(97)),
      (c, i) => put(c, c[to].at(place).set(i)),
      (c) => put(c, c[to].at(place).add(c[from].at(0).get()).mod(97)),
      (c) => put(c, lax.dynamicUpdateSlice(c[to], c[from].slice("0:2"), [place])),
      (c) => put(c, c[from]),
      (c) => c.map((x, i) => (i === to ? c[from] : i === from ? c[to] : x)),
    ];
    const nested = depth === 0 ? 0 : this.#below(2);
    if (nested === 0) return simple[this.#below(simple.length)];
    return this.#nested(depth, { from, place });
  }

  #nested(depth: number, { from, place }: { from: number; place: number }): Step {
    const [inner, another] = [this.steps(depth - 1), this.steps(depth - 1)];
    const turns = this.#below(4);
    const extra = this.#below(this.width);
    const kinds: Step[] = [
      (c) => lax.foriLoop(0, turns, (i, x: Carries) => inner(x, i), c),
      (c) => {
        const body = (x: Carries, [row, i]: A[]): [Carries, A] => [inner([...x.slice(1), row], i), x[0]];
        const [last, ys] = lax.scan(body, c, [jnp.stack(c), jnp.arange(c.length)]);
        return [...last.slice(1), ys.at(extra).get()];
      },
      (c, i) =>
        lax.cond(
          c[from].at(place).get().mod(2).equal(0),
          (x: Carries, j: A) => inner(x, j),
          (x: Carries, j: A) => another(x, j),
          c,
          i,
        ),
      (c) =>
        lax.whileLoop(
          ({ n }: { n: A; x: Carries }) => n.less(c[extra].at(place).get().mod(4)),
          ({ n, x }) => ({ n: n.add(1), x: inner(x, n) }),
          { n: jnp.array(0), x: c },
        ).x,
    ];
    return kinds[this.#below(kinds.length)];
  }
}

test("loops and branches, nested at random, agree with the interpreter, with and without donation", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 3 }), fc.boolean(), async (seed, width, donated) => {
      const step = new Nest(seed, width).steps(2);
      const f = (...xs: A[]): readonly A[] => step(xs, jnp.array(5));
      const args = Array.from({ length: width }, (_, i) => numbers([3], "int32", seed + i));
      const want = await reference(f, args);
      const positions = [...args.keys()];
      const jitted = jit(f, donated ? { donateArgnums: positions } : {});
      const got = await Promise.all(jitted(...args.map(onDevice)).map(onHost));
      want.forEach((w, i) => assert.is(difference(got[i], w), undefined, `result ${i}`));
    }),
    runs(15),
  );
});

test.run();
