/** What libraries of modules need to know of tracing. */
import { currentTrace } from "../trace/trace.ts";

declare const opaque: unique symbol;
/** Equal by `===` while the same functions are being traced; says nothing else. */
export interface OpaqueTraceState {
  readonly [opaque]: never;
}

/**
 * The functions that are being traced now: what was made under another state may not be changed under this one.
 * As `jax.core.get_opaque_trace_state`, which Flax uses.
 */
export const getOpaqueTraceState = (): OpaqueTraceState => currentTrace() as unknown as OpaqueTraceState;
