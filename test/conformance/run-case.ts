/** One golden case, traced once and run by each backend. */
import * as jax from "jaxscale";
import { roundTo } from "../../packages/jaxscale/src/base/rounding.ts";
import { allocateValues, type HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { interpret } from "../../packages/jaxscale/src/jaxpr/interpret.ts";
import { type ClosedJaxpr, formatAval, shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { inlineCalls } from "../../packages/jaxscale/src/passes/inline-calls.ts";
import { traceToJaxpr } from "../../packages/jaxscale/src/trace/staging.ts";
import { getBackend } from "../../packages/jaxscale/src/trace/trace.ts";
import { difference } from "./compare.ts";
import type { Case, Family, ScalarInput } from "./fixtures.ts";
import { numberOf } from "./rows.ts";
import { rowFor } from "./table.ts";

export type BackendName = "reference" | "gpu";

/** Arrays are arguments of the traced function; Python scalars are written into it. */
export interface Prepared {
  readonly args: readonly HostTensor[];
  readonly f: (...arrays: readonly jax.Array[]) => readonly jax.Array[];
}

export function prepare(item: Case, family: Family): Prepared {
  const row = rowFor(item.op);
  const keys = item.inputs.filter((input) => typeof input === "string");
  const f = (...arrays: readonly jax.Array[]): readonly jax.Array[] => {
    let next = 0;
    const inputs = item.inputs.map((input) => (typeof input === "string" ? arrays[next++] : scalarInput(input)));
    return jax.tree.leaves(row(inputs, item.params));
  };
  return { args: keys.map(family.tensor), f };
}

function scalarInput({ scalar, type }: ScalarInput): unknown {
  const value = numberOf(scalar);
  // A JavaScript number that is integral passes for an int.
  if (type === "float" && Number.isInteger(value))
    return getBackend().scalar(value as number, shapedArray([], "float32", true));
  return value;
}

/** The case as a jaxpr. */
export const trace = ({ name }: Case, { args, f }: Prepared): ClosedJaxpr =>
  traceToJaxpr(
    name,
    f,
    args.map(({ shape, dtype }) => shapedArray(shape, dtype)),
  );

const runners: Readonly<Record<BackendName, (item: Case, prepared: Prepared) => Promise<readonly HostTensor[]>>> = {
  reference: async (item, prepared) => {
    const closed = inlineCalls(trace(item, prepared));
    return interpret({ jaxpr: closed.jaxpr, consts: await hostConstants(closed) }, prepared.args);
  },
  gpu: async (_, { args, f }) => {
    const results = jax.jit(f)(...args.map((tensor) => getBackend().fromHost(tensor, false)));
    return Promise.all((results as readonly jax.DeviceArray[]).map(toHost));
  },
};

/** Constants, which may lie on the device, for the interpreter. */
export const hostConstants = ({ consts }: ClosedJaxpr): Promise<readonly HostTensor[]> =>
  Promise.all(consts.map((value) => (value instanceof jax.DeviceArray ? toHost(value) : (value as HostTensor))));

async function toHost(array: jax.DeviceArray): Promise<HostTensor> {
  const { shape, dtype, size } = array;
  const values = allocateValues(dtype, size);
  values.set(await array.data());
  if (dtype === "bool") values.forEach((x, i) => (values[i] = roundTo("bool", x)));
  return { shape, dtype, values };
}

/** What is wrong with the case's results on a backend; undefined if nothing is. */
export async function failureOf(item: Case, family: Family, backend: BackendName): Promise<string | undefined> {
  try {
    const prepared = prepare(item, family);
    if (backend === "reference") {
      const wrongTypes = typeFailure(item, trace(item, prepared));
      if (wrongTypes) return wrongTypes;
    }
    const got = await runners[backend](item, prepared);
    const wanted = item.outputs.map(family.tensor);
    if (got.length !== wanted.length) return `${got.length} outputs, wanted ${wanted.length}`;
    for (const [i, want] of wanted.entries()) {
      const wrong = difference(got[i], want, item);
      if (wrong) return wanted.length > 1 ? `output ${i}: ${wrong}` : wrong;
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}

function typeFailure({ weakOutputs = [] }: Case, { jaxpr }: ClosedJaxpr): string | undefined {
  const wrong = jaxpr.outvars.findIndex((atom, i) => atom.aval.weakType !== weakOutputs.includes(i));
  if (wrong < 0) return undefined;
  const { aval } = jaxpr.outvars[wrong];
  return `output ${wrong} (${formatAval(aval)}) is ${aval.weakType ? "weak" : "strong"}, wanted ${aval.weakType ? "strong" : "weak"}`;
}
