import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryStore, useOwnCache } from "./store.ts";

useOwnCache();
const { jit, nn, numpy: jnp, ready, tune } = await import("jaxscale");
const { compile, fusionsOf, kernelsText, optimize } = await import("../../packages/jaxscale/src/compile.ts");
const { tuneProgram } = await import("../../packages/jaxscale/src/tune.ts");
const { forgetTuned } = await import("../../packages/jaxscale/src/tune/table.ts");
const { tuningTasks } = await import("../../packages/jaxscale/src/fuse/tuning/tasks.ts");
const { scheduleVersion } = await import("../../packages/jaxscale/src/fuse/tuning/candidates.ts");
type Program = ReturnType<typeof compile>;

const target = await ready();
const mlp = jit((x, w, b) => nn.softmax(nn.silu(jnp.dot(x, w).add(b)).dot(w)), { name: "mlp" });
const operands = [jnp.ones([32, 64]), jnp.ones([64, 64]), jnp.ones([64])] as const;
const optimized = optimize(mlp.lower(...operands).jaxpr).closed;
const options = { name: "mlp", donated: [] };

/** Programs take as long as their kernels are said to. */
function fakeTimer(cost: (program: Program) => number) {
  let time = 0;
  return {
    now: () => time,
    timerFor: async (program: Program) => {
      time += 1;
      return {
        sample: async () => {
          const ms = cost(program);
          time += ms;
          return ms;
        },
        dispose: () => {},
      };
    },
  };
}
const workgroups = (program: Program): number =>
  program.segments[0].steps.reduce((n, s) => n + (s.kind === "dispatch" ? s.workgroups[0] : 0), 0);

test("each distinct group is tuned alone, the heaviest first", () => {
  const tasks = tuningTasks(fusionsOf(optimized, target), target);
  assert.equal(
    tasks.map(({ shapeClass }) => shapeClass.split(" ")[0]).sort(),
    ["contraction", "contraction", "reduce"].slice(-tasks.length).sort(),
  );
  assert.ok(tasks.every(({ weight }, i) => i === 0 || weight <= tasks[i - 1].weight));
  for (const { program, candidates } of tasks) {
    assert.ok(candidates.length > 1);
    assert.is(compile(program, target, options).segments[0].steps.length, 1);
  }
});

test("what is found fastest is compiled from then on, and remembered", async () => {
  forgetTuned();
  const before = kernelsText(compile(optimized, target, options));
  const store = memoryStore();
  // Here the fewer workgroups, the faster.
  const first = await tuneProgram(optimized, { target, budgetMs: 1e6, store, ...fakeTimer((p) => 1 + workgroups(p)) });
  assert.ok(first.some(({ tunedMs, defaultMs }) => (tunedMs as number) < (defaultMs as number)));
  const after = kernelsText(compile(optimized, target, options));
  assert.is.not(after, before);

  // Another process finds it in the file, and measures nothing.
  forgetTuned();
  assert.is(kernelsText(compile(optimized, target, options)), before);
  const timerFor = async (): Promise<never> => {
    throw new Error("measured again");
  };
  const second = await tuneProgram(optimized, { target, budgetMs: 1e6, store, timerFor });
  assert.equal(
    second.map(({ shapeClass, parameters }) => [shapeClass, parameters]),
    first.map(({ shapeClass, parameters }) => [shapeClass, parameters]),
  );
  assert.is(kernelsText(compile(optimized, target, options)), after);
  assert.match(store.text ?? "", new RegExp(`schedules ${scheduleVersion}`));
  forgetTuned();
});

test("a program is tuned within its budget", async () => {
  for (const budgetMs of [0, 30, 300]) {
    forgetTuned();
    const timer = fakeTimer(() => 5);
    const store = memoryStore();
    await tuneProgram(optimized, { target, budgetMs, store, ...timer });
    if (budgetMs <= 30) assert.is(store.text, undefined, "what was cut short is not remembered");
    assert.ok(timer.now() <= budgetMs + 6, `${timer.now()} ms of ${budgetMs}`);
  }
  forgetTuned();
});

test("jax.tune measures on the device; results stay right", async () => {
  const f = jit((x, y) => jnp.sqrt(x.mul(x).add(y)), { name: "tuned" });
  const [x, y] = [jnp.full([3000], 3, { dtype: "float32" }), jnp.full([3000], 16, { dtype: "float32" })];
  const report = await tune(f, x, y);
  assert.is(report.results.length, 1);
  assert.match(report.results[0].shapeClass, /^map float32->float32 /);
  assert.ok((report.results[0].tunedMs as number) > 0);
  assert.match(String(report), /kernels +default ms +tuned ms/);
  assert.equal(new Set(await f(x, y).data()), new Set([5]));
  assert.is((await tune(f, x, y)).results[0].compared, 0);
  const compiled = await f.lower(x, y).compile({ autotune: { budgetMs: 100 } });
  assert.equal(new Set(await compiled.call(x, y)[0].data()), new Set([5]));
});

test.run();
