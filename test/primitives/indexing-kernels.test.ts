/** Slices, gathers and scatters as kernels on the device, against the CPU, whose results are held against JAX elsewhere. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Shape, sizeOf } from "../../packages/jaxscale/src/base/shapes.ts";
import { allocateValues, type HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { KernelBuilder } from "../../packages/jaxscale/src/kernel/builder.ts";
import { Index } from "../../packages/jaxscale/src/kernel/index-space.ts";
import type { BufferDecl, Value } from "../../packages/jaxscale/src/kernel/ir.ts";
import type { LoweringContext, Read } from "../../packages/jaxscale/src/primitives/primitive.ts";
import { closeTestDevice, runKernel, type Words } from "../kernel/run-kernel.ts";
import { samples } from "./samples/indexing.ts";
import { rulesOf, type Sample } from "./samples/sample.ts";

interface Scene {
  readonly k: KernelBuilder;
  readonly read: Read;
  readonly context: LoweringContext<Sample["params"]>;
  readonly result: BufferDecl;
}

/** Runs `work` once for every index of `shape` and returns the result's words. @param initial what they are before */
async function onDevice(sample: Sample, shape: Shape, initial: Words, work: (scene: Scene, index: Index) => void) {
  const { inputs, params } = sample;
  const k = new KernelBuilder();
  const element = { float32: "f32", int32: "i32", uint32: "u32" } as const;
  const declare = (name: string, { dtype, values }: HostTensor, access: "read" | "read_write") =>
    k.buffer(name, element[dtype as keyof typeof element], access, values.length);
  const buffers = inputs.map((input, i) => declare(`x${i}`, input, "read"));
  const avals = inputs.map((input) => shapedArray(input.shape, input.dtype));
  const outputs = rulesOf(sample).abstractEval(avals, params);
  const result = declare("y", { ...outputs[0], values: initial }, "read_write");
  const read: Read = (i, index) => k.load(buffers[i], index.linear);
  const position = k.add(k.mul(k.workgroup(0), k.i32(32)), k.local(0, 32));
  k.if(k.lt(position, k.i32(sizeOf(shape))), () => {
    const index = Index.fromLinear(k, shape, k.assume(position, { min: 0, max: sizeOf(shape) - 1 }));
    work({ k, read, context: { params, inputs: avals, outputs }, result }, index);
  });
  const workgroups = [Math.ceil(sizeOf(shape) / 32), 1, 1] as const;
  const words = await runKernel(k.finish("indexing", [32, 1, 1]), [...inputs.map((x) => x.values), initial], {
    workgroups,
  });
  return [...words[inputs.length]];
}

const expected = (sample: Sample): { shape: Shape; values: number[]; blank: Words } => {
  const [{ shape, dtype, values }] = rulesOf(sample).reference(sample.inputs, sample.params);
  return { shape, values: [...values], blank: allocateValues(dtype, values.length) };
};

samples.forEach((sample, i) => {
  const { lowering, name } = rulesOf(sample);
  const { mode } = sample.params as { mode?: string };
  const which = `${name}${mode ? ` in mode ${mode}` : ""}, sample ${i}`;
  const { shape, values, blank } = expected(sample);

  test(`${which}: the element formula gives the whole result`, async () => {
    const got = await onDevice(sample, shape, blank, ({ k, read, context, result }, index) => {
      assert.ok(lowering.kind === "map" || lowering.kind === "update");
      const value =
        lowering.kind === "map"
          ? lowering.element(k, index, read, context, 0)
          : lowering.element(k, index, read, context);
      k.store(result, index.linear, value);
    });
    assert.equal(got, values);
  });

  if (lowering.kind !== "update") return;

  const { window, steps } = lowering;
  if (window)
    test(`${which}: writing only the window gives the same`, async () => {
      const got = await onDevice(sample, sample.inputs[1].shape, sample.inputs[0].values, (scene, local) => {
        const { k, read, context, result } = scene;
        const box = window(k, read, context);
        assert.equal(box.sizes, sample.inputs[1].shape);
        const at = local.coords.map((c, axis) => k.add(c, box.start[axis]));
        k.store(result, Index.fromCoords(k, shape, at).linear, box.element(local));
      });
      assert.equal(got, values);
    });

  if (steps)
    test(`${which}: going through the updates in steps gives the same`, async () => {
      const avals = sample.inputs.map((x) => shapedArray(x.shape, x.dtype));
      const { items, count, run } = steps.plan({ params: sample.params, inputs: avals, outputs: [avals[0]] });
      assert.is(sizeOf(items) % run, 0);
      const got = await onDevice(sample, items, sample.inputs[0].values, ({ k, read, context, result }, item) => {
        k.loop(k.i32(0), k.i32(count), k.i32(1), (step: Value) => {
          const { valid, index, update } = steps.at(k, item, step, read, context);
          k.if(valid, () => {
            const value = update();
            k.store(
              result,
              index.linear,
              steps.combine ? steps.combine(k, k.load(result, index.linear), value) : value,
            );
          });
        });
      });
      assert.equal(got, values);
    });
});

test.after(closeTestDevice);
test.run();
