/** customKernel: a user's own WGSL as a function of arrays. */
import { type DType, promoteTypes } from "../base/dtypes.ts";
import { DTypeError, ShapeError } from "../base/errors.ts";
import { formatAval, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import {
  CustomKernel,
  customKernel as customKernelPrimitive,
  type KernelDefinition,
} from "../primitives/custom-kernel.ts";
import { checkKernelName, checkNames, kernelError, planKernel } from "../primitives/custom-plan.ts";
import type { Operand } from "../primitives/op-builder.ts";
import { type Combine, parseShardingRule } from "../primitives/sharding-text.ts";
import { getClient } from "../runtime/index.ts";
import type { Array, ArrayLike } from "../trace/array.ts";
import { asArray } from "../trace/operand.ts";
import { bind } from "../trace/trace.ts";
import { readUserSource, type UserSource } from "../wgsl/user-source.ts";
import { map } from "./lax/control-flow.ts";
import { convertElementType } from "./lax/convert.ts";
import { ShapeDtypeStruct } from "./make-jaxpr.ts";

/** What an input must be. */
export interface InputConstraint {
  readonly dtype?: DType | readonly DType[];
  readonly rank?: number;
}

type Named<Names extends string, T> = { readonly [Name in Names]: T };

/** What `customKernel` needs to know: names, types of results, the WGSL body, the number of items. */
export interface CustomKernelOptions<In extends string, Out extends string> {
  /** In messages, jaxprs and profiles. */
  readonly name: string;
  /** Names of the inputs, as the WGSL sees them; or names with what each must be. */
  readonly inputs: readonly In[] | Named<In, InputConstraint>;
  /** Shapes and dtypes of the results, by name, for inputs of given types. */
  readonly outputs: (inputs: Named<In, ShapeDtypeStruct>) => Named<Out, ShapeDtypeStruct>;
  /**
   * Functions and the entry point `fn main(…)`. Declared around it, for every input and output `x`: `x: array<f32>` (i32, u32;
   * dtypes of less than 32 bits as `array<u32>`, packed from the low bits), the constants `x_size` and, unless a scalar, `x_shape`.
   * `arrayLength(&x)` may be more than `x_size`. Accesses out of bounds touch no other array.
   */
  readonly wgsl: string;
  /** Workgroups to dispatch, for inputs of given types. */
  readonly workgroups: (inputs: Named<In, ShapeDtypeStruct>) => readonly number[];
  /** Invocations of a workgroup, `[64]` unless `main` has `@workgroup_size`. */
  readonly workgroupSize?: number | readonly number[];
  /** Work of one call, for `costAnalysis` and profiles. */
  readonly cost: (inputs: Named<In, ShapeDtypeStruct>) => {
    readonly flops: number;
    readonly transcendentals?: number;
  };
  /** Outputs that begin as an input and are updated in place: in the input's buffer where nothing else needs it, else in a copy. The WGSL sees the output alone. */
  readonly aliases?: { readonly [Output in Out]?: NoInfer<In> };
  /** Outputs declared as `array<atomic<i32>>` or `array<atomic<u32>>`. */
  readonly atomics?: readonly NoInfer<Out>[];
  /**
   * How it may be split over devices: `m k, k n -> m n`, `*` for a dimension that every device needs whole, and how partial results
   * over a dimension of inputs only combine. Without it every device computes the whole. Devices that share a GPU run the kernel one
   * after the other, or all at once by `vmapRule`.
   */
  readonly shardingRule?: string | { readonly rule: string; readonly reductions: Readonly<Record<string, Combine>> };
  /**
   * The kernel over inputs with an extra axis in front, where `batched` says so; all results must have it too.
   * `sequential` runs the kernel for one index after the other.
   */
  readonly vmapRule?:
    | "sequential"
    | ((axisSize: number, batched: Named<In, boolean>, inputs: Named<In, Array>) => Named<Out, ArrayLike>);
  /**
   * Tangents of the results (null: zero), linear in those of the inputs. Inputs that are no floats have none.
   * With it the kernel has gradients as well.
   */
  readonly jvp?: (
    primals: Named<In, Array>,
    tangents: Named<In, Array>,
    results: Named<Out, Array>,
  ) => { readonly [Output in Out]: Array | null };
}

/**
 * Named arrays to named results, as `customKernel` describes them.
 * @throws ShapeError, DTypeError, TypeError, DeviceError where the arrays do not suit the kernel, or the kernel the device
 */
export type CustomKernelFunction<In extends string, Out extends string> = (
  inputs: Named<In, ArrayLike>,
) => Named<Out, Array>;

/**
 * A function of named arrays that runs WGSL of one's own: alone, under `jit`, in loops, and under `grad` and `vmap` if it has
 * the rules.
 * @throws TypeError for names that WGSL does not allow, or WGSL without `fn main(…)`
 */
export function customKernel<const In extends string, Out extends string>(
  options: CustomKernelOptions<In, Out>,
): CustomKernelFunction<In, Out> {
  const constraints = globalThis.Array.isArray(options.inputs)
    ? new Map(options.inputs.map((input: In): [string, InputConstraint] => [input, {}]))
    : new Map<string, InputConstraint>(Object.entries(options.inputs));
  const apply = (operands: readonly Array[]): readonly Array[] => bind(customKernelPrimitive, operands, { kernel });
  const kernel = new CustomKernel(define(options, constraints, apply));
  const { definition } = kernel;
  const call = (given: Named<In, ArrayLike>): Named<Out, Array> => {
    const operands = operandsOf(definition, constraints, given);
    const avals = operands.map((x) => x.aval);
    const plan = planKernel(definition, avals);
    const { target } = getClient();
    if (target) plan.source([], target);
    const results = apply(operands);
    return named(plan.names.outputs, results) as Named<Out, Array>;
  };
  return Object.defineProperty(call, "name", { value: options.name });
}

const named = <T>(names: readonly string[], values: readonly T[]): Record<string, T> =>
  Object.fromEntries(names.map((name, i) => [name, values[i]]));
const structOf = ({ shape, dtype, weakType }: ShapedArray): ShapeDtypeStruct =>
  new ShapeDtypeStruct(shape, dtype, weakType);

/** The arrays that were given, in order; a JavaScript number becomes the dtype that is asked for, if it is of its kind. */
function operandsOf(
  { name, inputs }: KernelDefinition,
  constraints: ReadonlyMap<string, InputConstraint>,
  given: Readonly<Record<string, ArrayLike>>,
): readonly Array[] {
  const keys = Object.keys(given);
  if (keys.length !== inputs.length || inputs.some((input) => !Object.hasOwn(given, input)))
    throw kernelError(name, `takes { ${inputs.join(", ")} }; got { ${keys.join(", ")} }`);
  return inputs.map((input) => {
    const x = asArray(`custom kernel ${name}`, given[input]);
    const [wanted = x.dtype] = [constraints.get(input)?.dtype ?? []].flat();
    return x.weakType &&
      x.dtype !== wanted &&
      promoteTypes(`custom kernel ${name}`, [x.aval, { dtype: wanted, weakType: false }]).dtype === wanted
      ? convertElementType(x, wanted)
      : x;
  });
}

/** The options by position. */
function define<In extends string, Out extends string>(
  options: CustomKernelOptions<In, Out>,
  constraints: ReadonlyMap<string, InputConstraint>,
  apply: (operands: readonly Array[]) => readonly Array[],
): KernelDefinition {
  const { name, shardingRule, vmapRule, jvp } = options;
  const inputs = [...constraints.keys()];
  checkKernelName(name);
  checkNames(name, inputs);
  const wgsl = sourceOf(name, options.wgsl);
  const aliases = new Map(Object.entries(options.aliases ?? {}) as [string, string][]);
  for (const [output, input] of aliases)
    if (!constraints.has(input)) throw kernelError(name, `aliases must name an input for ${output}; got ${input}`);
  if (new Set(aliases.values()).size < aliases.size)
    throw kernelError(name, `an input must be the alias of one output; got ${[...aliases.values()].join(", ")}`);
  const structs = (avals: readonly ShapedArray[]) => named(inputs, avals.map(structOf)) as Named<In, ShapeDtypeStruct>;
  const arrays = (xs: readonly (Operand | null)[]) => {
    const pairs = xs.flatMap((x, i) => (x === null ? [] : [[inputs[i], x] as const]));
    return Object.fromEntries(pairs) as unknown as Named<In, Array>;
  };
  const definition: KernelDefinition = {
    name,
    inputs,
    wgsl,
    aliases,
    atomics: new Set(options.atomics),
    workgroupSize: sizeOfWorkgroup(name, options.workgroupSize, wgsl.workgroupSize),
    outputs(avals) {
      checkConstraints(name, constraints, avals);
      const results = options.outputs(structs(avals));
      return Object.entries<ShapeDtypeStruct>(results).map(([output, { shape, dtype }]) => ({
        name: output,
        aval: shapedArray([...shape], dtype),
      }));
    },
    workgroups: (avals) => options.workgroups(structs(avals)),
    cost: (avals) => ({ transcendentals: 0, ...options.cost(structs(avals)) }),
    ...(shardingRule && {
      sharding: (from, to) => {
        const { rule, reductions } =
          typeof shardingRule === "string" ? { rule: shardingRule, reductions: {} } : shardingRule;
        return parseShardingRule(`custom kernel ${name}`, rule, reductions, from, to);
      },
    }),
    ...(jvp && {
      jvp: (primals, tangents, results) => {
        const outputs = definition.outputs(primals.map((x) => x.aval)).map((o) => o.name);
        const found = jvp(arrays(primals), arrays(tangents), named(outputs, results) as unknown as Named<Out, Array>);
        return outputs.map((output) => found[output as Out] ?? null);
      },
    }),
    ...(vmapRule && {
      vmap: (axisSize, batched, xs) => {
        if (vmapRule === "sequential") return mapSequentially(apply, batched, xs as readonly Array[]);
        const results = vmapRule(axisSize, named(inputs, batched) as Named<In, boolean>, arrays(xs));
        const element = xs.map(({ aval }, i) => (batched[i] ? { ...aval, shape: aval.shape.slice(1) } : aval));
        return definition
          .outputs(element)
          .map(({ name: output }) => asArray(`custom kernel ${name}`, results[output as Out]));
      },
    }),
  };
  return definition;
}

/** The kernel for one index of the mapped axis after the other. */
function mapSequentially(
  apply: (operands: readonly Array[]) => readonly Array[],
  batched: readonly boolean[],
  xs: readonly Array[],
): readonly Array[] {
  const mapped = xs.filter((_, i) => batched[i]);
  const one = (slices: readonly Array[]): readonly Array[] => {
    let next = 0;
    return apply(xs.map((x, i) => (batched[i] ? slices[next++] : x)));
  };
  return map(one, mapped);
}

function sourceOf(name: string, wgsl: string): UserSource {
  try {
    return readUserSource(wgsl);
  } catch (error) {
    throw kernelError(name, (error as Error).message);
  }
}

function sizeOfWorkgroup(
  name: string,
  option: number | readonly number[] | undefined,
  attribute: readonly number[] | undefined,
): readonly [number, number, number] {
  const given = typeof option === "number" ? [option] : option;
  if (given && attribute && String(given) !== String(attribute))
    throw kernelError(name, `workgroupSize must agree with @workgroup_size(${attribute}); got [${given}]`);
  const size = given ?? attribute ?? [64];
  const [x, y = 1, z = 1] = size;
  if (size.length < 1 || size.length > 3 || ![x, y, z].every((n) => Number.isInteger(n) && n >= 1))
    throw kernelError(name, `workgroupSize must be one to three whole numbers of at least 1; got [${size}]`);
  return [x, y, z];
}

/** @throws DTypeError, ShapeError for inputs that are not what they must be */
function checkConstraints(
  name: string,
  constraints: ReadonlyMap<string, InputConstraint>,
  avals: readonly ShapedArray[],
): void {
  [...constraints].forEach(([input, { dtype, rank }], i) => {
    const aval = avals[i];
    const dtypes = dtype === undefined ? [aval.dtype] : [dtype].flat();
    if (!dtypes.includes(aval.dtype))
      throw kernelError(name, `${input} must be ${dtypes.join(" or ")}; got ${formatAval(aval)}`, DTypeError);
    if (rank !== undefined && aval.shape.length !== rank)
      throw kernelError(name, `${input} must have rank ${rank}; got ${formatAval(aval)}`, ShapeError);
  });
}
