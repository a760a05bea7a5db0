/** Runs the program that all GPUs of a mesh run, by the reference of each op and the meaning of each exchange. */
import { type HostTensor, hostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { interpret, scalarTensor } from "../../packages/jaxscale/src/jaxpr/interpret.ts";
import { type Atom, type ClosedJaxpr, type JaxprEqn, newVar, type Var } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import type { Layout } from "../../packages/jaxscale/src/partition/layout.ts";
import { heldIndices, type Topology } from "../../packages/jaxscale/src/partition/topology.ts";
import type { GpuExchangeParams } from "../../packages/jaxscale/src/primitives/exchange.ts";

/** Positions in a row-major array of the elements at some indices along each dimension. */
const positions = (shape: readonly number[], indices: readonly (readonly number[])[]): number[] =>
  indices.reduce<number[]>(
    (found, along, i) => found.flatMap((at) => along.map((index) => at * shape[i] + index)),
    [0],
  );

/** What each GPU holds of an array. */
export const held = ({ shape, dtype, values }: HostTensor, layout: Layout, topology: Topology): HostTensor[] =>
  topology.gpus.map((_, place) => {
    const indices = heldIndices(shape, layout, topology, place);
    const part = hostTensor(
      indices.map((along) => along.length),
      dtype,
    );
    positions(shape, indices).forEach((from, to) => (part.values[to] = values[from]));
    return part;
  });

/** The array that GPUs hold. @throws Error if GPUs that hold the same element differ in it */
export function joined(
  parts: readonly HostTensor[],
  shape: readonly number[],
  layout: Layout,
  topology: Topology,
): HostTensor {
  const whole = hostTensor(shape, parts[0].dtype);
  const known = new Set<number>();
  parts.forEach(({ values }, place) => {
    const indices = heldIndices(shape, layout, topology, place);
    positions(shape, indices).forEach((to, from) => {
      if (known.has(to) && !Object.is(whole.values[to], values[from]))
        throw new Error(`GPUs differ at ${to}: ${whole.values[to]} and ${values[from]}`);
      known.add(to);
      whole.values[to] = values[from];
    });
  });
  return whole;
}

/** @param args for each GPU; @returns results for each */
export function interpretOnGpus(
  { jaxpr, consts }: ClosedJaxpr,
  args: readonly (readonly HostTensor[])[],
  topology: Topology,
): HostTensor[][] {
  const values = args.map(() => new Map<Var, HostTensor>());
  const read = (gpu: number, atom: Atom): HostTensor =>
    atom.kind === "literal" ? scalarTensor(atom.value, atom.aval) : (values[gpu].get(atom) as HostTensor);
  args.forEach((own, gpu) => {
    jaxpr.constvars.forEach((v, i) => values[gpu].set(v, consts[i] as HostTensor));
    jaxpr.invars.forEach((v, i) => values[gpu].set(v, own[i]));
  });
  for (const eqn of jaxpr.eqns) {
    const inputs = args.map((_, gpu) => eqn.inputs.map((atom) => read(gpu, atom)));
    const results = evaluate(eqn, inputs, topology);
    eqn.outputs.forEach((v, i) => results.forEach((own, gpu) => values[gpu].set(v, own[i])));
  }
  return args.map((_, gpu) => jaxpr.outvars.map((atom) => read(gpu, atom)));
}

/** A GPU has come to an exchange that not all have come to. */
class Meeting {
  readonly value: HostTensor;
  readonly params: GpuExchangeParams;
  constructor(value: HostTensor, params: GpuExchangeParams) {
    this.value = value;
    this.params = params;
  }
}

/**
 * An equation, which may be a loop with exchanges inside, on every GPU. Each runs up to an exchange whose results are not known yet;
 * once all have come to it, all start over with its results.
 */
function evaluate(eqn: JaxprEqn, inputs: readonly (readonly HostTensor[])[], topology: Topology): HostTensor[][] {
  const met: (readonly HostTensor[])[] = [];
  for (;;) {
    const meetings: Meeting[] = [];
    const results = inputs.map((own, gpu) => {
      let next = 0;
      const meet = (value: HostTensor, params: GpuExchangeParams): HostTensor => {
        if (next === met.length) throw new Meeting(value, params);
        return met[next++][gpu];
      };
      try {
        return interpretAlone(onGpu(eqn, meet, placesOf(gpu, topology)), own);
      } catch (error) {
        if (!(error instanceof Meeting)) throw error;
        meetings.push(error);
        return [];
      }
    });
    if (meetings.length === 0) return results;
    if (meetings.length < inputs.length)
      throw new Error(`some GPUs come to an exchange in ${eqn.primitive.name}, some do not`);
    const own = meetings.map(({ value }) => value);
    met.push(meetings.map(({ params }, gpu) => exchanged(own, gpu, params, topology)));
  }
}

/** One equation as a jaxpr of its own, so that its results are rounded. */
function interpretAlone(eqn: JaxprEqn, own: readonly HostTensor[]): HostTensor[] {
  const invars = eqn.inputs.map((a) => newVar(a.aval));
  const jaxpr = { constvars: [], invars, eqns: [{ ...eqn, inputs: invars }], outvars: eqn.outputs };
  return interpret({ jaxpr, consts: [] }, own);
}

/** The equation as one GPU runs it: it knows its places along axes, and meets the others in exchanges, in bodies of loops too. */
function onGpu(
  eqn: JaxprEqn,
  meet: (value: HostTensor, params: GpuExchangeParams) => HostTensor,
  places: ReadonlyMap<string, number>,
): JaxprEqn {
  const { primitive, params, outputs } = eqn;
  const as = (reference: JaxprEqn["primitive"]["reference"]): JaxprEqn => ({
    ...eqn,
    primitive: { ...primitive, reference },
  });
  if (primitive.name === "axis_index") {
    const [axis] = params.axes as string[];
    return as(() => [scalarTensor(places.get(axis) as number, outputs[0].aval)]);
  }
  if (primitive.name === "exchange") return as(([x]) => [meet(x, params as unknown as GpuExchangeParams)]);
  const bodies = primitive.subJaxprs(params);
  if (bodies.length === 0 || !primitive.withSubJaxprs) return eqn;
  const run = bodies.map(({ jaxpr, consts }) => ({
    jaxpr: { ...jaxpr, eqns: jaxpr.eqns.map((inner) => onGpu(inner, meet, places)) },
    consts,
  }));
  return { ...eqn, params: primitive.withSubJaxprs(params, run) };
}

function placesOf(gpu: number, { axes }: Topology): Map<string, number> {
  const places = new Map<string, number>();
  let rest = gpu;
  for (const { name, gpus } of axes.toReversed()) {
    places.set(name, rest % gpus);
    rest = Math.floor(rest / gpus);
  }
  return places;
}

function exchanged(
  own: readonly HostTensor[],
  gpu: number,
  { collective, axes, combine, pairs }: GpuExchangeParams,
  topology: Topology,
): HostTensor {
  const mine = placesOf(gpu, topology);
  const group = own
    .map((_, other) => other)
    .filter((other) =>
      [...placesOf(other, topology)].every(([name, at]) => axes.includes(name) || at === mine.get(name)),
    );
  const place = group.indexOf(gpu);
  const { shape, dtype } = own[gpu];
  const partOf = (x: HostTensor, i: number): number[] => {
    const length = x.values.length / group.length;
    return [...x.values.slice(i * length, (i + 1) * length)];
  };
  const fold = (lists: readonly number[][]): number[] =>
    lists.reduce((a, b) =>
      a.map((x, i) => (combine === "add" ? x + b[i] : combine === "max" ? Math.max(x, b[i]) : Math.min(x, b[i]))),
    );
  const of = (list: readonly number[], shape: readonly number[]): HostTensor => {
    const out = hostTensor(shape, dtype);
    out.values.set(list as number[]);
    return out;
  };
  switch (collective) {
    case "allReduce":
      return of(fold(group.map((g) => [...own[g].values])), shape);
    case "allGather":
      return of(
        group.flatMap((g) => [...own[g].values]),
        [group.length, ...shape],
      );
    case "reduceScatter":
      return of(fold(group.map((g) => partOf(own[g], place))), shape.slice(1));
    case "allToAll":
      return of(
        group.flatMap((g) => partOf(own[g], place)),
        shape,
      );
    case "permute": {
      const sender = pairs?.find(([, to]) => to === place)?.[0];
      return sender === undefined ? hostTensor(shape, dtype) : own[group[sender]];
    }
  }
}
