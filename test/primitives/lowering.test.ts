/** Lowerings of movement, reductions and prefix folds on the device, against the references, which are held against JAX. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { computeType, isBool, isFloat } from "../../packages/jaxscale/src/base/dtypes.ts";
import { roundTo } from "../../packages/jaxscale/src/base/rounding.ts";
import { sizeOf } from "../../packages/jaxscale/src/base/shapes.ts";
import { allocateValues, type HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import type { Params } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { KernelBuilder } from "../../packages/jaxscale/src/kernel/builder.ts";
import { Index } from "../../packages/jaxscale/src/kernel/index-space.ts";
import type { BufferDecl, Value } from "../../packages/jaxscale/src/kernel/ir.ts";
import type {
  LoweringContext,
  PrefixLowering,
  Read,
  ReduceLowering,
} from "../../packages/jaxscale/src/primitives/primitive.ts";
import { closeTestDevice, runKernel } from "../kernel/run-kernel.ts";
import { samples as reductions } from "./samples/reduction.ts";
import { contextOf, describe, evaluate, rulesOf, type Sample } from "./samples/sample.ts";
import { samples as shapes } from "./samples/shape.ts";

const invocations = 32;

interface Scene {
  readonly k: KernelBuilder;
  readonly read: Read;
  readonly index: Index;
  readonly context: LoweringContext<Params>;
}

/** Output `output`, one invocation an element: every tensor unpacked, a number a word. */
async function runOutput(sample: Sample, output: number, want: HostTensor, element: (scene: Scene) => Value) {
  const context = contextOf(rulesOf(sample), sample.inputs, sample.params);
  const k = new KernelBuilder();
  const declare = (name: string, { dtype, values }: HostTensor, access: "read" | "read_write"): BufferDecl => {
    const type = computeType(dtype);
    return k.buffer(name, type === "bool" ? "u32" : type, access, Math.max(1, values.length));
  };
  const operands = sample.inputs.map((x, i) => declare(`x${i}`, x, "read"));
  const result = declare("y", want, "read_write");
  const read: Read = (i, index) => {
    const word = k.load(operands[i], index.linear);
    return isBool(context.inputs[i].dtype) ? k.ne(word, k.u32(0)) : word;
  };
  const { shape, dtype } = context.outputs[output];
  const size = sizeOf(shape);
  const position = k.add(k.mul(k.workgroup(0), k.i32(invocations)), k.local(0, invocations));
  k.if(k.lt(position, k.i32(size)), () => {
    const index = Index.fromLinear(k, shape, k.assume(position, { min: 0, max: size - 1 }));
    const value = element({ k, read, index, context });
    k.store(result, index.linear, isBool(dtype) ? k.select(value, k.u32(1), k.u32(0)) : value);
  });
  const kernel = k.finish(`test_${sample.primitive.name}`, [invocations, 1, 1]);
  const data = [...sample.inputs, { ...want, values: allocateValues(dtype, size) }].map((x) =>
    x.values.length > 0 ? x.values : allocateValues(x.dtype, 1),
  );
  const words = await runKernel(kernel, data, { workgroups: [Math.ceil(size / invocations), 1, 1] });
  return [...words[operands.length]].map((x) => roundTo(dtype, x));
}

/** Folds from the last element to the first: combining must not depend on the order. */
function folded(lowering: ReduceLowering<Params>, { k, read, index, context }: Scene): Value {
  const { shape } = context.inputs[0];
  const axes = lowering.axes(context);
  const reduced = axes.map((axis) => shape[axis]);
  const accumulators = lowering.initial(k, context).map((v) => k.variable(v));
  k.loop(k.i32(0), k.i32(sizeOf(reduced)), k.i32(1), (step) => {
    const position = k.sub(k.i32(sizeOf(reduced) - 1), step);
    const within = Index.fromLinear(k, reduced, position).coords;
    let kept = 0;
    const at = shape.map((_, axis) => (axes.includes(axis) ? within[axes.indexOf(axis)] : index.coords[kept++]));
    const element = lowering.lift(k, read(0, Index.fromCoords(k, shape, at)), position, context);
    const next = lowering.combine(k, accumulators.map(k.get), element, context);
    accumulators.forEach((v, i) => {
      k.set(v, next[i]);
    });
  });
  return lowering.finish(k, accumulators.map(k.get), context);
}

/** Every element folds its own prefix. */
function scanned(lowering: PrefixLowering<Params>, { k, read, index, context }: Scene): Value {
  const axis = lowering.axis(context);
  const last = context.inputs[0].shape[axis] - 1;
  const sum = k.variable(lowering.initial(k, context));
  const mine = index.coords[axis];
  const length = lowering.reverse(context) ? k.sub(k.i32(last + 1), mine) : k.add(mine, k.i32(1));
  k.loop(k.i32(0), length, k.i32(1), (i) => {
    const at = lowering.reverse(context) ? k.sub(k.i32(last), i) : i;
    const here = index.with((coord, a) => (a === axis ? at : coord));
    k.set(sum, lowering.combine(k, k.get(sum), read(0, here), context));
  });
  return k.get(sum);
}

function elementOf(sample: Sample, scene: Scene, output: number): Value {
  const { lowering } = rulesOf(sample);
  if (lowering.kind === "map") return lowering.element(scene.k, scene.index, scene.read, scene.context, output);
  if (lowering.kind === "reduce") return folded(lowering, scene);
  assert.is(lowering.kind, "prefix");
  return scanned(lowering as PrefixLowering<Params>, scene);
}

const agrees = (got: number, want: number, dtype: HostTensor["dtype"]): boolean =>
  Object.is(got, want) ||
  got === want ||
  (isFloat(dtype) && Math.abs(got - want) <= (dtype === "float32" ? 2e-5 : 2e-2) * (1 + Math.abs(want)));

const all = [...shapes, ...reductions];
for (const name of new Set(all.map((s) => s.primitive.name)))
  test(`${name} on the device is what its reference says`, async () => {
    for (const sample of all.filter((s) => s.primitive.name === name)) {
      const wanted = evaluate(rulesOf(sample), sample.inputs, sample.params);
      for (const [output, want] of wanted.entries()) {
        if (want.values.length === 0) continue;
        const got = await runOutput(sample, output, want, (scene) => elementOf(sample, scene, output));
        const wrong = got.findIndex((x, i) => !agrees(x, want.values[i], want.dtype));
        assert.is(wrong, -1, `${describe(sample)}: element ${wrong} is ${got[wrong]} instead of ${want.values[wrong]}`);
      }
    }
  });

test.after(closeTestDevice);
test.run();
