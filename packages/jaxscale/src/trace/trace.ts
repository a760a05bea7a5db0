/** Who interprets an operation: `bind` hands it to the current trace. The outermost evaluates on the device. */
import { invariant } from "../base/errors.ts";
import type { HostTensor } from "../base/tensor-data.ts";
import type { Params, Primitive, ShapedArray } from "../jaxpr/ir.ts";
import type { Array } from "./array.ts";

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
): readonly Array[] => currentTrace().process(primitive as unknown as Primitive, operands, params);

/** As `bind`, for primitives with one result. */
export const bind1 = <P extends Params>(primitive: Primitive<P>, operands: readonly Array[], params: P): Array =>
  bind(primitive, operands, params)[0];
