/** Vectorization: values have an extra axis somewhere, which the function does not see. */
import { invariant } from "../base/errors.ts";
import { type Params, type Primitive, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import type { OpBuilder } from "../primitives/op-builder.ts";
import { type BatchAxis, rulesOf } from "../primitives/primitive.ts";
import type { Array } from "../trace/array.ts";
import { bind, type Trace, withTrace } from "../trace/trace.ts";
import { Tracer } from "../trace/tracer.ts";
import { noRule } from "./no-rule.ts";

export class BatchTracer extends Tracer {
  readonly owner: BatchTrace;
  readonly value: Array;
  /** The axis of `value` that is mapped over. */
  readonly dim: number;

  constructor(owner: BatchTrace, value: Array, dim: number) {
    super(withoutAxis(value.aval, dim));
    this.owner = owner;
    this.value = value;
    this.dim = dim;
  }
}

export const withoutAxis = ({ shape, dtype, weakType }: ShapedArray, axis: number): ShapedArray =>
  shapedArray(shape.toSpliced(axis, 1), dtype, weakType);
export const withAxis = ({ shape, dtype, weakType }: ShapedArray, axis: number, size: number): ShapedArray =>
  shapedArray(shape.toSpliced(axis, 0, size), dtype, weakType);

export class BatchTrace implements Trace {
  readonly parent: Trace;
  readonly axis: BatchAxis;
  readonly #ops: OpBuilder;

  constructor(parent: Trace, axis: BatchAxis, ops: OpBuilder) {
    this.parent = parent;
    this.axis = axis;
    this.#ops = ops;
  }

  /** A value of this trace; one without the axis (null) needs no tracer. */
  element(value: Array, dim: number | null): Array {
    return dim === null ? value : new BatchTracer(this, value, dim);
  }
  valueOf = (x: Array): Array => (x instanceof BatchTracer && x.owner === this ? x.value : x);
  dimOf = (x: Array): number | null => (x instanceof BatchTracer && x.owner === this ? x.dim : null);

  process = (primitive: Primitive, operands: readonly Array[], params: Params): readonly Array[] => {
    const values = operands.map(this.valueOf);
    const dims = operands.map(this.dimOf);
    const { batch, axisNames } = rulesOf(primitive);
    const { axis } = this;
    const overAxis = axis.name !== undefined && (axisNames?.(params).includes(axis.name) ?? false);
    return withTrace(this.parent, () => {
      if (!overAxis && dims.every((dim) => dim === null)) return bind(primitive, values, params);
      if (!batch) throw noRule(primitive, "batching");
      const out = batch(this.#ops, values, dims, { params, inputs: operands.map((x) => x.aval), axis });
      invariant(out.results.length === out.dims.length, `${primitive.name} says where the axis of each result is`);
      return out.results.map((value, i) => this.element(value as Array, out.dims[i]));
    });
  };
}
