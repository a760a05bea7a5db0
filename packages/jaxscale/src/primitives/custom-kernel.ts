/** custom_kernel: a user's own WGSL as an op. What it is and how it transforms is said by the user. */
import { calledAt } from "../base/call-site.ts";
import { isFloat } from "../base/dtypes.ts";
import { ShapeError } from "../base/errors.ts";
import { sameShape } from "../base/shapes.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import type { UserSource } from "../wgsl/user-source.ts";
import { checkTypes, type NamedAval, planKernel } from "./custom-plan.ts";
import { replicatedRule } from "./factors.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { type Batched, type Cost, definePrimitive, type ShardingRule } from "./primitive.ts";

/** What a user said of a kernel; inputs and results are by position, in the order of their names. */
export interface KernelDefinition {
  readonly name: string;
  readonly inputs: readonly string[];
  /** Names and types of the results. @throws ShapeError, DTypeError for inputs that the kernel does not take */
  readonly outputs: (inputs: readonly ShapedArray[]) => readonly NamedAval[];
  readonly wgsl: UserSource;
  readonly workgroupSize: readonly [number, number, number];
  readonly workgroups: (inputs: readonly ShapedArray[]) => readonly number[];
  /** Results by name, with the name of the input that each is written over. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Results that are arrays of atomics. */
  readonly atomics: ReadonlySet<string>;
  readonly cost: (inputs: readonly ShapedArray[]) => Cost;
  readonly sharding?: (inputs: readonly ShapedArray[], outputs: readonly ShapedArray[]) => ShardingRule;
  /** Tangents of the results; those of inputs are given for floats, null for others. */
  readonly jvp?: (
    primals: readonly Operand[],
    tangents: readonly (Operand | null)[],
    results: readonly Operand[],
  ) => readonly (Operand | null)[];
  /** Mapped inputs have the axis in front, and so must all results. */
  readonly vmap?: (axisSize: number, batched: readonly boolean[], inputs: readonly Operand[]) => readonly Operand[];
}

/** A definition, compared by identity. */
export class CustomKernel {
  readonly definition: KernelDefinition;
  constructor(definition: KernelDefinition) {
    this.definition = definition;
  }
}

export type CustomKernelParams = { readonly kernel: CustomKernel };

const noRule = (name: string, rule: string): TypeError =>
  new TypeError(`custom kernel ${name}: no ${rule} rule${calledAt()}`);

export const customKernel = definePrimitive<CustomKernelParams>("custom_kernel", {
  abstractEval: (inputs, { kernel: { definition } }) => checkTypes(definition, inputs).map((output) => output.aval),
  reference(_, { kernel: { definition } }) {
    throw new TypeError(`custom kernel ${definition.name}: runs on a device only; got the reference interpreter`);
  },
  printParams: ({ kernel: { definition } }) => ({ name: definition.name }),
  lowering: {
    kind: "custom",
    plan: ({ params: { kernel }, inputs }) => planKernel(kernel.definition, inputs),
  },
  cost: ({ params: { kernel }, inputs }) => kernel.definition.cost(inputs),
  sharding: (context) =>
    context.params.kernel.definition.sharding?.(context.inputs, context.outputs) ?? replicatedRule(context),
  differentiate({ bind, zeros }, primals, tangents, { params }) {
    const { name, jvp, outputs } = params.kernel.definition;
    const results = bind("custom_kernel", primals, params);
    if (!jvp) {
      if (results.some((x) => isFloat(x.aval.dtype))) throw noRule(name, "jvp");
      return { results, tangents: results.map(() => null) };
    }
    const given = primals.map((x, i) => (isFloat(x.aval.dtype) ? (tangents[i] ?? zeros(x.aval)) : null));
    const found = jvp(primals, given, results);
    const names = outputs(primals.map((x) => x.aval));
    found.forEach((tangent, i) => checkResult(name, "jvp", names[i], tangent, results[i].aval));
    return { results, tangents: found };
  },
  transpose: (_ops, _cotangents, _operands, { params }) => {
    throw noRule(params.kernel.definition.name, "transpose");
  },
  readsMemory: true,
  batch(ops, operands, dims, { params, axis, inputs }) {
    const { name, vmap, outputs } = params.kernel.definition;
    const moved = operands.map((x, i) => (dims[i] === null ? x : ops.moveAxis(x, dims[i] as number, 0)));
    if (!vmap) {
      if (!axis.ofDevices) throw noRule(name, "vmap");
      return onEachDevice(ops, moved, dims, axis.size, params);
    }
    const batched = dims.map((dim) => dim !== null);
    const results = vmap(axis.size, batched, moved);
    outputs(inputs).forEach((output, i) => {
      const { shape, ...type } = output.aval;
      checkResult(name, "vmapRule", output, results[i], { ...type, shape: [axis.size, ...shape] });
    });
    return { results, dims: results.map(() => 0) };
  },
});

/** One run for each device. @param operands those that are mapped with the axis in front */
function onEachDevice(
  ops: OpBuilder,
  operands: readonly Operand[],
  dims: readonly (number | null)[],
  devices: number,
  params: CustomKernelParams,
): Batched {
  const runs = Array.from({ length: devices }, (_, device) => {
    const parts = operands.map((x, i) => {
      if (dims[i] === null) return x;
      const [, ...rest] = x.aval.shape;
      const part = ops.slice(x, [device, ...rest.map(() => 0)], [device + 1, ...rest]);
      return ops.squeeze(part, [0]);
    });
    return ops.bind("custom_kernel", parts, params);
  });
  const results = runs[0].map((_, i) =>
    ops.concatenate(
      runs.map((run) => ops.expandDims(run[i], [0])),
      0,
    ),
  );
  return { results, dims: results.map(() => 0) };
}

/** @throws ShapeError unless what a rule gives for a result has the type that it must have */
function checkResult(
  name: string,
  rule: string,
  output: NamedAval,
  got: Operand | null | undefined,
  want: ShapedArray,
): void {
  if (got === null || (got && got.aval.dtype === want.dtype && sameShape(got.aval.shape, want.shape))) return;
  throw new ShapeError(
    `custom kernel ${name}: ${rule} must give ${formatAval(want)} for ${output.name}; got ${got ? formatAval(got.aval) : "nothing"}`,
  );
}
