/** Vectorization: values have an extra axis somewhere, which the function does not see. */
import { invariant } from "../base/errors.ts";
import { type Jaxpr, type Params, type Primitive, resultTypes, type ShapedArray, varyingAlong } from "../jaxpr/ir.ts";
import type { OpBuilder } from "../primitives/op-builder.ts";
import { type BatchAxis, noRule, rulesOf } from "../primitives/primitive.ts";
import type { Array } from "../trace/array.ts";
import { captureSource, namedScope } from "../trace/scope.ts";
import { bind, type Trace, withTrace } from "../trace/trace.ts";
import { type Origin, Tracer } from "../trace/tracer.ts";

export class BatchTracer extends Tracer {
  readonly owner: BatchTrace;
  readonly value: Array;
  /** The axis of `value` that is mapped over; null if all elements of a value that counts as varying are equal. */
  readonly dim: number | null;

  constructor(owner: BatchTrace, value: Array, dim: number | null, origin: Origin | undefined) {
    super(elementType(owner.axis, value.aval, dim), origin);
    this.owner = owner;
    this.value = value;
    this.dim = dim;
  }
}

const withShape = (type: ShapedArray, shape: ShapedArray["shape"]): ShapedArray => ({ ...type, shape });

/** The type of one element of a value that is mapped over. */
function elementType({ name, checksVarying }: BatchAxis, whole: ShapedArray, dim: number | null): ShapedArray {
  const element = dim === null ? whole : withShape(whole, whole.shape.toSpliced(dim, 1));
  return checksVarying && name !== undefined
    ? varyingAlong(element, [...new Set([...varyingOf(element), name])])
    : element;
}
/** The reverse: what varies along the axis has it, or has equal elements. */
export function wholeType({ name, size }: BatchAxis, element: ShapedArray, dim: number | null): ShapedArray {
  const whole = dim === null ? element : withShape(element, element.shape.toSpliced(dim, 0, size));
  return varyingAlong(
    whole,
    varyingOf(whole).filter((other) => other !== name),
  );
}
const varyingOf = ({ varying = [] }: ShapedArray): readonly string[] => varying;

export class BatchTrace implements Trace {
  readonly parent: Trace;
  readonly axis: BatchAxis;
  readonly name: string;
  readonly #ops: OpBuilder;
  #ended = false;

  constructor(parent: Trace, axis: BatchAxis, ops: OpBuilder, name: string) {
    this.parent = parent;
    this.axis = axis;
    this.#ops = ops;
    this.name = name;
  }

  get alive(): boolean {
    return !this.#ended;
  }
  end(): void {
    this.#ended = true;
  }

  /** A value of this trace; one without the axis (null) needs no tracer, unless its type varies along it. */
  element(value: Array, dim: number | null, origin?: Origin, type?: ShapedArray): Array {
    const { name } = this.axis;
    const varies = name !== undefined && type?.varying?.includes(name);
    return dim === null && !varies ? value : new BatchTracer(this, value, dim, origin);
  }
  valueOf = (x: Array): Array => (x instanceof BatchTracer && x.owner === this ? x.value : x);
  dimOf = (x: Array): number | null => (x instanceof BatchTracer && x.owner === this ? x.dim : null);
  /** Whether the elements may differ, as far as their types say. */
  varies = (x: Array): boolean => x instanceof BatchTracer && x.owner === this;

  process = (primitive: Primitive, operands: readonly Array[], params: Params): readonly Array[] => {
    const values = operands.map(this.valueOf);
    const dims = operands.map(this.dimOf);
    const { batch } = rulesOf(primitive);
    const { axis } = this;
    const overAxis = axis.name !== undefined && worksOver(axis.name, primitive, params);
    const inputs = operands.map((x) => x.aval);
    // Elsewhere what has the axis varies along it, and nothing else.
    const types = axis.checksVarying ? resultTypes(primitive, inputs, params) : [];
    const origin = { primitive, source: captureSource(this.process) };
    const process = (): readonly Array[] => {
      if (!overAxis && dims.every((dim) => dim === null)) {
        return bind(primitive, values, params).map((value, i) => this.element(value, null, origin, types[i]));
      }
      if (!batch) throw noRule(primitive, "batching");
      const out = batch(this.#ops, values, dims, {
        params,
        inputs,
        axis,
        varies: operands.map(this.varies),
      });
      invariant(out.results.length === out.dims.length, `${primitive.name} says where the axis of each result is`);
      return out.results.map((value, i) => this.element(value as Array, out.dims[i], origin, types[i]));
    };
    const { scope } = primitive;
    return withTrace(this.parent, overAxis && scope ? () => namedScope(scope, process) : process);
  };
}

/** Whether an op works over a named axis, itself or in a jaxpr that it calls. */
function worksOver(axis: string, primitive: Primitive, params: Params): boolean {
  if (rulesOf(primitive).axisNames?.(params).includes(axis)) return true;
  return primitive.subJaxprs(params).some(({ jaxpr }) => {
    let names = axesWorkedOver.get(jaxpr);
    if (!names) axesWorkedOver.set(jaxpr, (names = new Map()));
    let found = names.get(axis);
    if (found === undefined) {
      found = jaxpr.eqns.some((eqn) => worksOver(axis, eqn.primitive, eqn.params));
      names.set(axis, found);
    }
    return found;
  });
}
const axesWorkedOver = new WeakMap<Jaxpr, Map<string, boolean>>();
