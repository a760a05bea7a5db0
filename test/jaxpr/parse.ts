/** Reads jaxprs as JAX prints them, into primitives that only know how to be printed. */
import { type DType, dtypeNames, shortName } from "../../packages/jaxscale/src/base/dtypes.ts";
import {
  type Atom,
  type ClosedJaxpr,
  type Jaxpr,
  type JaxprEqn,
  newLiteral,
  newVar,
  type PrintedParam,
  type ShapedArray,
  shapedArray,
  type Var,
} from "../../packages/jaxscale/src/jaxpr/ir.ts";

const dtypes = new Map<string, DType>(dtypeNames.map((name) => [shortName(name), name]));
const binder = /^([a-z_]+):([a-z0-9]+)\[([\d,]*)\]/;
const literal = /^(True|False|-?nan|-?inf|-?\d[\d.e+-]*):([a-z0-9]+)\[\]/;

/** @throws if the text is no jaxpr */
export function parseJaxpr(text: string): ClosedJaxpr {
  let rest = text;
  const shared = new Map<string, ClosedJaxpr>();

  const take = (pattern: RegExp): RegExpExecArray => {
    const found = new RegExp(`^\\s*(?:${pattern.source.replace(/^\^/, "")})`).exec(rest);
    if (!found) throw new Error(`expected ${pattern.source} at ${rest.slice(0, 60)}`);
    rest = rest.slice(found[0].length);
    return found;
  };
  const at = (pattern: RegExp): boolean => pattern.test(rest.trimStart());
  const aval = (dtype: string, dims: string): ShapedArray => {
    const known = dtypes.get(dtype);
    if (!known) throw new Error(`unknown dtype ${dtype}`);
    return shapedArray(dims ? dims.split(",").map(Number) : [], known);
  };

  const binders = (names: Map<string, Var>): Var[] => {
    const variables: Var[] = [];
    while (at(binder) && !at(literal)) {
      const [, name, dtype, dims] = take(binder);
      const variable = newVar(aval(dtype, dims));
      names.set(name, variable);
      variables.push(variable);
    }
    return variables;
  };
  const atom = (names: Map<string, Var>): Atom => {
    if (at(literal)) {
      const [, value, dtype] = take(literal);
      const special = { True: 1, False: 0, nan: Number.NaN, inf: Number.POSITIVE_INFINITY, "-inf": -Infinity };
      return newLiteral(special[value as keyof typeof special] ?? Number(value), aval(dtype, ""));
    }
    const [name] = take(/[a-z]+/);
    const variable = names.get(name.trim());
    if (!variable) throw new Error(`unbound ${name}`);
    return variable;
  };

  const paramValue = (key: string): PrintedParam => {
    if (at(/^\{ lambda/)) return jaxpr();
    if (at(/^\(\s+\{ lambda/)) {
      take(/\(/);
      const bodies: ClosedJaxpr[] = [];
      while (!at(/^\)/)) bodies.push(jaxpr());
      take(/\)/);
      return bodies;
    }
    let depth = 0;
    let end = 0;
    for (; end < rest.length; end++) {
      if ("([{".includes(rest[end])) depth++;
      if (")]}".includes(rest[end]) && depth-- === 0) break;
      if (depth === 0 && /\s/.test(rest[end])) break;
    }
    const value = rest.slice(0, end);
    rest = rest.slice(end);
    return (key.endsWith("jaxpr") && shared.get(value)) || value;
  };

  const eqn = (names: Map<string, Var>): JaxprEqn => {
    const outputs = binders(names);
    take(/=/);
    const [name] = take(/[a-z_0-9-]+/);
    const params: Record<string, PrintedParam> = {};
    if (rest.startsWith("[")) {
      take(/\[/);
      while (!at(/^\]/)) {
        const [, key] = take(/([a-z_]+)=/);
        params[key] = paramValue(key);
      }
      take(/\]/);
    }
    const inputs: Atom[] = [];
    while (at(literal) || (at(/^[a-z]+\b/) && !at(binder) && !at(/^in \(/))) inputs.push(atom(names));
    return { primitive: printable(name.trim()), inputs, outputs, params, source: { scope: "" } };
  };

  function jaxpr(): ClosedJaxpr {
    const names = new Map<string, Var>();
    take(/\{ lambda /);
    const constvars = binders(names);
    take(/;/);
    const invars = binders(names);
    take(/\. let/);
    const eqns: JaxprEqn[] = [];
    while (!at(/^in \(/)) {
      eqns.push(eqn(names));
      if (at(/^;/)) take(/;/);
    }
    take(/in \(/);
    const outvars: Atom[] = [];
    while (!at(/^\)/)) {
      outvars.push(atom(names));
      if (at(/^,/)) take(/,/);
    }
    take(/\) \}/);
    return { jaxpr: { constvars, invars, eqns, outvars } satisfies Jaxpr, consts: constvars.map(() => null) };
  }

  // The bodies of `let` may name one another, so they are read in reverse.
  const lets = [...text.matchAll(/^let ([a-z_][a-z0-9_]*) = ([\s\S]*?) in\n/gm)].reverse();
  for (const [, name, body] of lets) {
    rest = body;
    shared.set(name, jaxpr());
  }
  rest = lets.length > 0 ? text.slice(Math.max(...lets.map((m) => m.index + m[0].length))) : text;
  return jaxpr();
}

const printable = (name: string): JaxprEqn["primitive"] => ({
  name,
  abstractEval: () => [],
  reference: () => [],
  printParams: (params) => params as Record<string, PrintedParam>,
  sharesNames: name === "jit",
  subJaxprs: () => [],
});
