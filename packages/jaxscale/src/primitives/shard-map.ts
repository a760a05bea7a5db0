/** Calls of programs that users wrote for one device of a mesh over several GPUs. */
import type { ClosedJaxpr } from "../jaxpr/ir.ts";
import { type JitParams, jitCall } from "./call.ts";
import { definePrimitive, type Part } from "./primitive.ts";

/** Mesh axes that split each dimension of an array, the major one first. */
type Layout = Part["layout"];

export type ShardMapParams = JitParams & {
  /** The program of one device, on its parts: `jaxpr` is the same on whole arrays. */
  readonly local: ClosedJaxpr;
  readonly inLayouts: readonly Layout[];
  readonly outLayouts: readonly Layout[];
};

const asJit = <C extends { readonly params: ShardMapParams }>(context: C) => ({
  ...context,
  params: { name: context.params.name, jaxpr: context.params.jaxpr },
});
const { differentiate, linearize, transpose, batch } = jitCall as Required<typeof jitCall>;

/**
 * Partitioning takes the program of one device as it is. What is derived of it is derived of the whole: a call like any other.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.shard_map.html
 */
export const shardMapCall = definePrimitive<ShardMapParams>("shard_map", {
  abstractEval: (inputs, params) => jitCall.abstractEval(inputs, params),
  reference: (inputs, params) => jitCall.reference(inputs, params),
  printParams: ({ name, jaxpr }) => ({ name, jaxpr }),
  subJaxprs: ({ jaxpr }) => [jaxpr],
  sharesNames: true,
  differentiate: (ops, primals, tangents, context) => differentiate(ops, primals, tangents, asJit(context)),
  linearize: (ops, primals, nonzero, context) => linearize(ops, primals, nonzero, asJit(context)),
  transpose: (ops, cotangents, operands, context) => transpose(ops, cotangents, operands, asJit(context)),
  batch: (ops, operands, dims, context) => batch(ops, operands, dims, asJit(context)),
  lowering: { kind: "call" },
  sharding: (context) => jitCall.sharding(asJit(context)),
  partition: ({ transforms }, parts, { params: { local, inLayouts, outLayouts }, relaid }) =>
    transforms
      .evalJaxpr(
        local,
        parts.map((part, i) => relaid(part, inLayouts[i]).value),
      )
      .map((value, i) => ({ value, layout: outLayouts[i] })),
});
