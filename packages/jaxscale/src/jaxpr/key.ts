/** A jaxpr's structure as text: equal for programs that differ only in the names of their variables. */
import { type Atom, type ClosedJaxpr, formatAvalShort, type Jaxpr, type Params, type Var } from "./ir.ts";

const identities = new WeakMap<object, number>();
let nextIdentity = 0;

function identityOf(value: object): number {
  let id = identities.get(value);
  if (id === undefined) identities.set(value, (id = nextIdentity++));
  return id;
}

const isClosedJaxpr = (value: object): value is ClosedJaxpr => "jaxpr" in value && "consts" in value;

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as unknown;
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

const textOf = (x: number): string => (Object.is(x, -0) ? "-0" : `${x}`);

const paramsKeys = new WeakMap<Params, string>();

/** Plain data by value, jaxprs by structure, functions and other objects by identity. */
export function paramsKey(params: Params): string {
  let key = paramsKeys.get(params);
  if (key === undefined) {
    key = JSON.stringify(params, (_, value: unknown) => {
      if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) return textOf(value);
      if (typeof value === "function") return `#${identityOf(value)}`;
      if (typeof value !== "object" || value === null) return value;
      if (isClosedJaxpr(value))
        return `${jaxprKey(value.jaxpr)}${value.consts.map((c) => `#${identityOf(c as object)}`)}`;
      return isPlain(value) ? value : `#${identityOf(value)}`;
    });
    paramsKeys.set(params, key);
  }
  return key;
}

const keys = new WeakMap<Jaxpr, string>();

export function jaxprKey(jaxpr: Jaxpr): string {
  let key = keys.get(jaxpr);
  if (key === undefined) keys.set(jaxpr, (key = describe(jaxpr)));
  return key;
}

function describe(jaxpr: Jaxpr): string {
  const numbers = new Map<Var, number>();
  const define = (v: Var): string => {
    numbers.set(v, numbers.size);
    return `${formatAvalShort(v.aval)}${v.aval.weakType ? "*" : ""}`;
  };
  const mention = (a: Atom): string =>
    a.kind === "var"
      ? `${numbers.get(a)}`
      : `${textOf(a.value)}:${formatAvalShort(a.aval)}${a.aval.weakType ? "*" : ""}`;
  const head = `${jaxpr.constvars.map(define)};${jaxpr.invars.map(define)}`;
  const lines = jaxpr.eqns.map((eqn) => {
    const inputs = eqn.inputs.map(mention);
    const params = eqn.primitive.programParams?.(eqn.params) ?? eqn.params;
    return `${eqn.outputs.map(define)}=${eqn.primitive.name}${paramsKey(params)}(${inputs})`;
  });
  return [head, ...lines, `${jaxpr.outvars.map(mention)}`].join("\n");
}
