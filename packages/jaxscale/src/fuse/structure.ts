/** The structure of a group as text: groups of equal structure share their kernels. */
import { type Atom, formatAvalShort, type JaxprEqn, type Var } from "../jaxpr/ir.ts";
import { paramsKey } from "../jaxpr/key.ts";
import type { Group } from "./group.ts";
import type { ScheduleContext } from "./schedule.ts";

export interface Structure {
  readonly key: string;
  /** The group's variables, numbered in the order in which the key mentions them. */
  readonly variables: readonly Var[];
}

export function structureOf(
  group: Group,
  { graph, resolve, iterations, guards, overwritten }: ScheduleContext,
): Structure {
  const numbers = new Map<Var, number>();
  const lines: string[] = [`${group.kind} ${group.domain.shape}/${group.domain.axes}`];
  const number = (v: Var): number => {
    let n = numbers.get(v);
    if (n === undefined) numbers.set(v, (n = numbers.size));
    return n;
  };
  const describe = (eqn: JaxprEqn): void => {
    const inputs = eqn.inputs.map(mention);
    const outputs = eqn.outputs.map((v) => `${number(v)}:${formatAvalShort(v.aval)}`);
    lines.push(`${outputs}=${eqn.primitive.name}${paramsKey(eqn.params)}(${inputs})`);
  };
  const mention = (a: Atom): string => {
    if (a.kind === "literal") return `${Object.is(a.value, -0) ? "-0" : a.value}:${formatAvalShort(a.aval)}`;
    if (numbers.has(a)) return `${numbers.get(a)}`;
    const iteration = iterations.get(a);
    if (iteration) return `${number(a)}:iteration${iteration.depth}<${iteration.trips}`;
    const virtual = graph.virtualProducer(a);
    if (virtual) {
      describe(virtual.eqn);
      return `${numbers.get(a)}`;
    }
    const memory = resolve(a);
    return memory === a
      ? `${number(a)}:${formatAvalShort(a.aval)}`
      : `${number(a)}:${formatAvalShort(a.aval)}@${number(memory)}:${formatAvalShort(memory.aval)}`;
  };
  for (const eqn of [...group.members, ...group.sources]) describe(eqn);
  for (const { variable, equals } of guards) lines.push(`if ${mention(variable)}==${equals}`);
  const homeOf = (v: Var): string =>
    resolve(v) === v ? `${numbers.get(v)}` : `${numbers.get(v)}@${number(resolve(v))}`;
  lines.push(`writes ${group.writes.map(homeOf)}`);
  for (const [old, result] of overwritten ?? []) lines.push(`${number(result)} over ${number(old)}`);
  return { key: lines.join("\n"), variables: [...numbers.keys()] };
}
