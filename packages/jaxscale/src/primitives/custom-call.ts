/** What calls of functions with given derivatives have in common. */
import { invariant } from "../base/errors.ts";
import { interpret } from "../jaxpr/interpret.ts";
import type { ClosedJaxpr, ShapedArray } from "../jaxpr/ir.ts";
import { replicatedRule } from "./factors.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import type { BatchAxis } from "./primitive.ts";

export type Operands = readonly Operand[];
export type Dims = readonly (number | null)[];

export type CustomCall = {
  readonly name: string;
  /** The function itself; what it closes over are its first `numConsts` arguments, in which it has no derivative. */
  readonly jaxpr: ClosedJaxpr;
  readonly numConsts: number;
};

/** A rule of the user's, on flat lists, with the name that it is printed under. */
export interface NamedRule<F> {
  readonly name: string;
  readonly run: F;
}

export const customCall = {
  abstractEval(inputs: readonly ShapedArray[], { jaxpr: { jaxpr } }: CustomCall): readonly ShapedArray[] {
    invariant(inputs.length === jaxpr.invars.length, "a call passes one operand for each argument");
    return jaxpr.outvars.map((a) => a.aval);
  },
  reference: interpretCall,
  programParams: ({ name, jaxpr }: CustomCall) => ({ name, jaxpr }),
  subJaxprs: ({ jaxpr }: CustomCall) => [jaxpr],
  lowering: { kind: "call" },
  sharding: replicatedRule,
} as const;

function interpretCall(inputs: Parameters<typeof interpret>[1], { jaxpr }: CustomCall) {
  return interpret(jaxpr, inputs);
}

export function checkConstants(
  op: string,
  tangents: readonly (Operand | null)[],
  { name, numConsts }: CustomCall,
): void {
  if (tangents.slice(0, numConsts).some((t) => t !== null))
    throw new TypeError(
      `${op}: differentiation in a value that ${name} closes over is not possible, for its rule knows only its arguments; pass the value as an argument`,
    );
}

/** The call's jaxpr mapped over an axis that every result has, and where each has it. */
export function batchCall(
  { transforms }: OpBuilder,
  { jaxpr }: CustomCall,
  axis: BatchAxis,
  dims: Dims,
): { readonly jaxpr: ClosedJaxpr; readonly dims: readonly number[] } {
  const natural = transforms.batchJaxpr(jaxpr, axis, dims);
  const lacking = natural.dims.map((dim) => dim === null);
  const batched = lacking.includes(true) ? transforms.batchJaxpr(jaxpr, axis, dims, lacking) : natural;
  return { jaxpr: batched.jaxpr, dims: batched.dims as readonly number[] };
}

/** The result with its mapped axis at `at`: moved there, or added if there is none. */
export const placed = (
  { moveAxis, broadcastAt }: OpBuilder,
  x: Operand,
  dim: number | null,
  at: number,
  size: number,
): Operand => (dim === null ? broadcastAt(x, at, size) : moveAxis(x, dim, at));
