/** The groups of a program that have something to choose, each as a program of its own. */
import type { Target } from "../../base/target.ts";
import type { Atom, ClosedJaxpr, Jaxpr, JaxprEqn, Var } from "../../jaxpr/ir.ts";
import { originOf } from "../draft/kernels.ts";
import type { Graph } from "../graph.ts";
import type { Group } from "../group.ts";
import type { Fusion } from "../grouping.ts";
import { kindOf } from "../kinds.ts";
import { type Candidate, candidatesIn } from "./candidates.ts";

export interface TuningTask {
  readonly shapeClass: string;
  readonly candidates: readonly Candidate[];
  /** The group alone: what it reads are arguments. */
  readonly program: ClosedJaxpr;
  /** Bytes and operations of all the program's groups of the class: how much there is to gain. */
  readonly weight: number;
}

/** One task a shape class, the heaviest first. @param fusions the program's, those of bodies of loops and branches included */
export function tuningTasks(fusions: readonly Fusion[], target: Target): readonly TuningTask[] {
  const tasks = new Map<string, TuningTask>();
  for (const fusion of fusions)
    for (const group of fusion.groups) {
      const { choice } = kindOf(group);
      if (!choice) continue;
      const shapeClass = choice.shapeClass(group, fusion.access);
      const candidates = candidatesIn(choice.space(group), target);
      const { flops, bytes } = originOf(group);
      const known = tasks.get(shapeClass);
      const program = known?.program ?? { jaxpr: alone(group, fusion.graph), consts: [] };
      tasks.set(shapeClass, { shapeClass, candidates, program, weight: (known?.weight ?? 0) + flops + bytes });
    }
  return [...tasks.values()].sort((a, b) => b.weight - a.weight);
}

/** A group as a function of what it reads. */
function alone(group: Group, graph: Graph): Jaxpr {
  const equations = new Set<JaxprEqn>([...group.members, ...group.sources]);
  const made = new Set<Var>();
  const invars = new Set<Var>();
  const include = (eqn: JaxprEqn): void => {
    equations.add(eqn);
    for (const v of eqn.outputs) made.add(v);
    for (const a of eqn.inputs) visit(a);
  };
  const visit = (a: Atom): void => {
    if (a.kind === "literal" || made.has(a)) return;
    const producer = graph.producer(a);
    if (producer && (equations.has(producer.eqn) || graph.virtual.has(producer.eqn))) include(producer.eqn);
    else invars.add(a);
  };
  for (const eqn of [...equations]) include(eqn);
  return {
    constvars: [],
    invars: [...invars].filter((v) => !made.has(v)),
    eqns: graph.jaxpr.eqns.filter((eqn) => equations.has(eqn)),
    outvars: [...group.writes],
  };
}
