/** Makes the whole of an elementwise op's rules from a formula over numbers and the same formula over kernel values. */
import { type DType, dtypeNames, isFloat, type LatticeType } from "../base/dtypes.ts";
import { DTypeError, ShapeError } from "../base/errors.ts";
import { forEachIndex, type Shape, sameShape, sizeOf, stridesOf } from "../base/shapes.ts";
import { type HostTensor, hostTensor } from "../base/tensor-data.ts";
import { formatAval, type Params, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import { scalarOf, type Value } from "../kernel/ir.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { definePrimitive, type LoweringContext, type PrimitiveRules, type ShardingRule } from "./primitive.ts";

/** What a formula may need besides its operands. */
export interface FormulaContext<P> {
  /** Of the first operand. */
  readonly dtype: DType;
  /** Of the result. */
  readonly result: DType;
  readonly params: P;
}

export interface ElementwiseOptions<P extends Params>
  extends Partial<
    Pick<PrimitiveRules<P>, "additive" | "exact" | "identity" | "laidOut" | "printParams" | "transpose" | "batch">
  > {
  /** Counted as a transcendental an element instead of a flop. */
  readonly transcendental?: boolean;
  /** Floating-point or integer operations an element; 1 unless said otherwise. */
  readonly flops?: (params: P) => number;
  /** Only relabels data. */
  readonly movement?: boolean;
}

/** Tangent of a result out of the operands, their tangents (null: zero) and the result. A list is summed. */
export type ElementwiseJvp<P> = (
  ops: OpBuilder,
  primals: readonly Operand[],
  tangents: readonly (Operand | null)[],
  result: Operand,
  params: P,
) => Operand | null | readonly (Operand | null)[];

/** The same for an op of one operand, whose tangent is not zero. */
export type UnaryJvp<P> = (
  ops: OpBuilder,
  primals: readonly [Operand],
  tangents: readonly [Operand],
  result: Operand,
  params: P,
) => Operand | null;

/** Of ops that are constant between their steps. */
export const noTangent = (): null => null;

const isList = (x: Operand | null | readonly (Operand | null)[]): x is readonly (Operand | null)[] => Array.isArray(x);

const elementwiseJvp =
  <P extends Params>(rule: ElementwiseJvp<P>): NonNullable<PrimitiveRules<P>["jvp"]> =>
  (ops, primals, tangents, { results: [result], params }) => {
    const out = rule(ops, primals, tangents, result, params);
    return [isList(out) ? out.reduce(ops.addAny, null) : out];
  };

/** The op on operands whose mapped axes are made to meet; axes of size 1 and scalars stretch by themselves. */
const batchElementwise =
  <P extends Params>(name: string): NonNullable<PrimitiveRules<P>["batch"]> =>
  (ops, operands, dims, { params, axis }) => {
    const first = dims.findIndex((dim) => dim !== null);
    const dim = dims[first] as number;
    const { shape } = operands[first].aval;
    const meets = ({ aval }: Operand, i: number): boolean =>
      aval.shape.length === 0 || (dims[i] === dim && (operands.length === 1 || sameShape(aval.shape, shape)));
    if (operands.every(meets)) return { results: ops.bind(name, operands, params), dims: [dim] };
    const fronted = operands.map((x, i) => {
      if (x.aval.shape.length === 0) return x;
      return ops.batchToFront(x, dims[i], dims[i] === null ? 1 : axis.size);
    });
    const rank = Math.max(...fronted.map((x) => x.aval.shape.length));
    const ranked = fronted.map((x, i) => (dims[i] === null ? x : withRank(ops, x, rank)));
    return { results: ops.bind(name, ranked, params), dims: [0] };
  };

/** Trailing axes of size 1 up to a rank. */
export function withRank(ops: OpBuilder, x: Operand, rank: number): Operand {
  const own = x.aval.shape.length;
  return ops.expandDims(
    x,
    Array.from({ length: rank - own }, (_, i) => own + i),
  );
}

/** x stretched to a shape that it broadcasts to. */
export function stretchTo(ops: OpBuilder, x: Operand, shape: Shape): Operand {
  const own = x.aval.shape;
  if (sameShape(own, shape)) return x;
  const kept = own.map((_, axis) => axis).filter((axis) => own[axis] === shape[axis]);
  const squeezed = ops.reshape(
    x,
    kept.map((axis) => own[axis]),
  );
  return ops.broadcastInDim(squeezed, shape, kept);
}

export interface NaryDefinition<P extends Params> extends ElementwiseOptions<P> {
  /** Absent: results that are not floats have no tangent, others no derivative. */
  readonly jvp?: ElementwiseJvp<P>;
  /** Dtype and weak type of the result. @throws DTypeError */
  readonly resultType: (inputs: readonly ShapedArray[], params: P) => LatticeType;
  /** Shape of the result; by default size-1 axes and scalars broadcast. @throws ShapeError */
  readonly resultShape?: (inputs: readonly ShapedArray[]) => Shape;
  /** One element in double precision, on operands already rounded to their dtypes; bools are 0 or 1. */
  readonly reference: (operands: readonly number[], context: FormulaContext<P>) => number;
  /** The same on values of the compute type; the caller rounds or wraps the result to its dtype. */
  readonly kernel: (k: KernelBuilder, operands: readonly Value[], context: FormulaContext<P>) => Value;
}

interface AcceptedDTypes<P> {
  readonly accepts: (dtype: DType) => boolean;
  /** Dtype of the result; that of the operands unless said otherwise. */
  readonly result?: (operand: DType, params: P) => DType;
}

export interface UnaryDefinition<P extends Params> extends ElementwiseOptions<P>, AcceptedDTypes<P> {
  readonly jvp?: UnaryJvp<P>;
  readonly reference: (x: number, context: FormulaContext<P>) => number;
  readonly kernel: (k: KernelBuilder, x: Value, context: FormulaContext<P>) => Value;
}

export interface BinaryDefinition<P extends Params> extends ElementwiseOptions<P>, AcceptedDTypes<P> {
  readonly jvp?: ElementwiseJvp<P>;
  readonly reference: (x: number, y: number, context: FormulaContext<P>) => number;
  readonly kernel: (k: KernelBuilder, x: Value, y: Value, context: FormulaContext<P>) => Value;
}

/** An op of one operand. */
export const defineUnary = <P extends Params = Params>(
  name: string,
  { accepts, result, reference, kernel, jvp, ...options }: UnaryDefinition<P>,
): PrimitiveRules<P> =>
  defineNary<P>(name, {
    ...options,
    ...(jvp && { jvp: (ops, [x], [dx], y, params) => jvp(ops, [x], [dx as Operand], y, params) }),
    resultType: uniformType(name, { accepts, result }),
    reference: ([x], context) => reference(x, context),
    kernel: (k, [x], context) => kernel(k, x, context),
  });

/** A function of one float, counted as one transcendental an element. */
export const defineFunction = (
  name: string,
  reference: (x: number) => number,
  kernel: (k: KernelBuilder, x: Value) => Value,
  jvp: UnaryJvp<Params>,
): PrimitiveRules =>
  defineUnary(name, {
    accepts: isFloat,
    transcendental: true,
    reference,
    kernel,
    jvp,
  });

/** An op of two operands of one dtype, which broadcast along axes of size 1 and from scalars. */
export const defineBinary = <P extends Params = Params>(
  name: string,
  { accepts, result, reference, kernel, ...options }: BinaryDefinition<P>,
): PrimitiveRules<P> =>
  defineNary<P>(name, {
    ...options,
    resultType: uniformType(name, { accepts, result }),
    reference: ([x, y], context) => reference(x, y, context),
    kernel: (k, [x, y], context) => kernel(k, x, y, context),
  });

/** An op of any number of operands. */
export function defineNary<P extends Params = Params>(name: string, definition: NaryDefinition<P>): PrimitiveRules<P> {
  const { resultType, resultShape, reference, kernel, jvp, transcendental, flops, movement, ...rules } = definition;
  const shapeOf = resultShape ?? ((inputs) => broadcastElementwise(name, inputs));
  const abstractEval = (inputs: readonly ShapedArray[], params: P): ShapedArray[] => {
    const { dtype, weakType } = resultType(inputs, params);
    return [shapedArray(shapeOf(inputs), dtype, weakType)];
  };
  return definePrimitive<P>(name, {
    batch: batchElementwise<P>(name),
    ...(jvp && { jvp: elementwiseJvp(jvp) }),
    ...rules,
    abstractEval,
    reference: (inputs, params) => {
      const avals = inputs.map(({ shape, dtype }) => shapedArray(shape, dtype));
      const [{ shape, dtype }] = abstractEval(avals, params);
      const context = { dtype: inputs[0].dtype, result: dtype, params };
      return [mapElements(inputs, shape, dtype, (operands) => reference(operands, context))];
    },
    lowering: {
      kind: "map",
      movement: movement ?? false,
      element: (k, index, read, { inputs, outputs, params }) => {
        const operands = inputs.map((input, i) => read(i, index.broadcastTo(input.shape)));
        const context = {
          dtype: inputs[0].dtype,
          result: outputs[0].dtype,
          params,
        };
        return kernel(k, operands, context);
      },
    },
    sharding: elementwiseSharding,
    cost: ({ outputs, params }) => {
      const work = sizeOf(outputs[0].shape) * (flops?.(params) ?? (movement ? 0 : 1));
      return transcendental ? { flops: 0, transcendentals: work } : { flops: work, transcendentals: 0 };
    },
  });
}

/** The rule "operands of one accepted dtype": never promotes. */
export const uniformType =
  <P>(name: string, { accepts, result }: AcceptedDTypes<P>) =>
  (inputs: readonly ShapedArray[], params: P): LatticeType => {
    const { dtype } = inputs[0];
    if (inputs.some((input) => input.dtype !== dtype))
      throw new DTypeError(`${name}: operands must have equal dtypes; got ${formatAvals(inputs)}`);
    if (!accepts(dtype))
      throw new DTypeError(
        `${name}: dtype must be one of ${dtypeNames.filter(accepts).join(", ")}; got ${formatAvals(inputs)}`,
      );
    return {
      dtype: result?.(dtype, params) ?? dtype,
      weakType: inputs.every((input) => input.weakType),
    };
  };

/** A constant of a value's own scalar type. */
export const constantLike = (k: KernelBuilder, x: Value, n: number): Value => k.constant(scalarOf(x.type), n);

/** `float32[2,3] and int32[3]` */
export const formatAvals = (avals: readonly ShapedArray[]): string => avals.map(formatAval).join(" and ");

/** All ranks but those of scalars must be equal; axes of size 1 stretch. */
function broadcastElementwise(name: string, inputs: readonly ShapedArray[]): Shape {
  const ranked = inputs.filter((input) => input.shape.length > 0);
  if (ranked.length === 0) return [];
  const { shape } = ranked[0];
  if (ranked.every((input) => sameShape(input.shape, shape))) return shape;
  if (ranked.some((input) => input.shape.length !== shape.length))
    throw new ShapeError(`${name}: operands must have equal ranks or be scalars; got ${formatAvals(inputs)}`);
  return shape.map((_, axis) => {
    const size = ranked.map((input) => input.shape[axis]).find((d) => d !== 1) ?? 1;
    if (ranked.some((input) => input.shape[axis] !== 1 && input.shape[axis] !== size))
      throw new ShapeError(
        `${name}: operands must have equal sizes, or size 1, along axis ${axis}; got ${formatAvals(inputs)}`,
      );
    return size;
  });
}

function mapElements(
  inputs: readonly HostTensor[],
  shape: Shape,
  dtype: DType,
  formula: (operands: readonly number[]) => number,
): HostTensor {
  const out = hostTensor(shape, dtype);
  const places = inputs.map((input) => stretchedPlaces(input.shape, shape));
  const operands = new Array<number>(inputs.length);
  for (let at = 0; at < out.values.length; at++) {
    for (let i = 0; i < inputs.length; i++) operands[i] = inputs[i].values[places[i]?.[at] ?? at];
    out.values[at] = formula(operands);
  }
  return out;
}

/** Where in an operand each element of the result finds its own; undefined if at the same place. */
function stretchedPlaces(own: Shape, shape: Shape): Int32Array | undefined {
  if (sameShape(own, shape)) return undefined;
  const strides = stridesOf(own).map((stride, axis) => (own[axis] === 1 ? 0 : stride));
  const places = new Int32Array(sizeOf(shape));
  forEachIndex(shape, (index, at) => {
    places[at] = strides.reduce((sum, stride, axis) => sum + stride * index[axis], 0);
  });
  return places;
}

/** Each axis of the result a parallel factor; an axis of size 1 has none. */
function elementwiseSharding<P>({ inputs, outputs }: LoweringContext<P>): ShardingRule {
  const { shape } = outputs[0];
  const factorsOf = (own: Shape) => own.map((size, axis) => (size === 1 ? [] : [`d${axis}`]));
  return {
    operands: inputs.map((input) => factorsOf(input.shape)),
    results: [factorsOf(shape)],
    factors: Object.fromEntries(
      shape.flatMap((size, axis) => (size === 1 ? [] : [[`d${axis}`, { size, kind: "parallel" as const }]])),
    ),
  };
}
