/** Who interprets an operation: `bind` hands it to the current trace. The outermost evaluates on the device. */
import { isFloat } from "../base/dtypes.ts";
import { invariant } from "../base/errors.ts";
import type { HostTensor } from "../base/tensor-data.ts";
import { type Params, type Primitive, type ShapedArray, varyingOfAny } from "../jaxpr/ir.ts";
import { vary } from "../primitives/collective.ts";
import type { Array } from "./array.ts";
import { Tracer } from "./tracer.ts";

/** What operations are handed to: evaluation, staging, or a transformation. */
export interface Trace {
  /** Applies the op to operands, each of this trace or of one further out. */
  readonly process: (primitive: Primitive, operands: readonly Array[], params: Params) => readonly Array[];
}

/** The library's own outermost trace, which lives where devices are known. */
export interface Backend extends Trace {
  /** A scalar known on the host; takes no memory until a device needs it. */
  readonly scalar: (value: number, aval: ShapedArray) => Array;
  readonly fromHost: (tensor: HostTensor, weakType: boolean) => Array;
}

let backend: Backend | undefined;
let current: Trace | undefined;

export function installBackend(implementation: Backend): void {
  backend = implementation;
}
export function getBackend(): Backend {
  invariant(backend, "no backend is installed");
  return backend;
}

/** The trace that operations go to now. */
export const currentTrace = (): Trace => current ?? getBackend();
export const isEvaluating = (): boolean => current === undefined;

/** Runs `f` with operations interpreted by `trace`. */
export function withTrace<T>(trace: Trace | undefined, f: () => T): T {
  const outer = current;
  current = trace;
  try {
    return f();
  } finally {
    current = outer;
  }
}

/** Applies a primitive: the one door through which every operation goes. */
export const bind = <P extends Params>(
  primitive: Primitive<P>,
  operands: readonly Array[],
  params: P,
): readonly Array[] =>
  currentTrace().process(primitive as unknown as Primitive, varyAlike(primitive, operands), params);

/** As `bind`, for primitives with one result. */
export const bind1 = <P extends Params>(primitive: Primitive<P>, operands: readonly Array[], params: P): Array =>
  bind(primitive, operands, params)[0];

/** A value as one that may differ between the devices of some axes. */
export function varyAlong(x: Array, axes: readonly string[]): Array {
  const missing = axes.filter((name) => !x.aval.varying?.includes(name));
  return missing.length === 0 ? x : bind1(vary, [x], { axes: missing });
}

/**
 * Operands that vary along the same axes. A gradient flows back through what is equal on all devices and meets what differs,
 * so there it has to be summed: that is the transpose of `vary`. What has no gradient may stay.
 */
function varyAlike<P extends Params>({ varying }: Primitive<P>, operands: readonly Array[]): readonly Array[] {
  if (operands.length < 2 || varying === "bodies" || !operands.some((x) => x.aval.varying)) return operands;
  const axes = varyingOfAny(operands.map((x) => x.aval));
  return operands.map((x) => (x instanceof Tracer && isFloat(x.dtype) ? varyAlong(x, axes) : x));
}
