/** What the devices of a mesh send one another in a program, counted from its equations. */
import type { ClosedJaxpr } from "../jaxpr/ir.ts";
import { rulesOf } from "../primitives/primitive.ts";
import type { AxisSizes } from "./layout.ts";

/** All runs of one collective over the same axes. */
export interface Communication {
  /** As printed, such as `psum`. */
  readonly collective: string;
  readonly axes: readonly string[];
  /** In one call; of a loop that the device decides on, in as many iterations as `costAnalysis` is told. */
  readonly count: number;
  /**
   * That each device sends, by the ring algorithm: with n devices along the axes, of an all-reduce (`psum`, `pmax`, `pmin`)
   * 2 (n − 1) / n · operand, of `all_gather` (n − 1) / n · result, of `reduce_scatter` and `all_to_all` (n − 1) / n · operand,
   * of `ppermute` the operand.
   */
  readonly sizeBytes: number;
}

/** @param local the program of one device @param sizes of the mesh's axes @param iterations of loops that the device decides */
export function communicationOf(local: ClosedJaxpr, sizes: AxisSizes, iterations: number): readonly Communication[] {
  const found = new Map<string, Communication>();
  const add = ({ collective, axes, count, sizeBytes }: Communication): void => {
    const key = `${collective} ${axes}`;
    const known = found.get(key) ?? { collective, axes, count: 0, sizeBytes: 0 };
    found.set(key, { ...known, count: known.count + count, sizeBytes: known.sizeBytes + sizeBytes });
  };
  const visit = ({ jaxpr }: ClosedJaxpr, times: number): void => {
    for (const { primitive, params, inputs, outputs } of jaxpr.eqns) {
      const { traffic, lowering, subJaxprs } = rulesOf(primitive);
      const context = { params, inputs: inputs.map((a) => a.aval), outputs: outputs.map((v) => v.aval) };
      const sent = traffic?.(context, sizes);
      if (sent && sent.sizeBytes > 0)
        add({ collective: primitive.name, axes: sent.axes, count: times, sizeBytes: times * sent.sizeBytes });
      const trips = lowering.kind === "loop" ? (lowering.loop(context).trips ?? iterations) : 1;
      for (const body of subJaxprs(params)) visit(body, times * trips);
    }
  };
  visit(local, 1);
  return [...found.values()];
}
