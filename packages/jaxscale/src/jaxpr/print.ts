/** Jaxprs as JAX prints them. @see https://docs.jax.dev/en/latest/jaxpr.html */
import { isBool, isFloat } from "../base/dtypes.ts";
import { type Doc, format, group, join, line, nest } from "../base/pretty.ts";
import {
  type Atom,
  type ClosedJaxpr,
  formatAvalShort,
  type Jaxpr,
  type JaxprEqn,
  type Literal,
  type PrintedParam,
  type Var,
} from "./ir.ts";
import { writeOut } from "./write-out.ts";

/** The program as text, laid out in 80 columns. A jaxpr that is called twice comes first, as `let name = … in`. */
export function printJaxpr(closed: ClosedJaxpr): string {
  const context: Context = { names: new Map(), shared: nameShared(closed.jaxpr) };
  markUnused(closed.jaxpr, context);
  const shared = [...context.shared].map(
    ([jaxpr, name]): Doc => [`let ${name} = `, jaxprDoc(jaxpr, context), " in", line()],
  );
  return format([...shared, jaxprDoc(closed.jaxpr, context)]);
}

/** Equations as a jaxpr of them alone, each after those whose results it reads. */
export function printEquations(eqns: readonly JaxprEqn[], outvars: readonly Var[]): string {
  const makers = new Map(eqns.flatMap((eqn) => eqn.outputs.map((output) => [output, eqn] as const)));
  const ordered = new Set<JaxprEqn>();
  const invars = new Set<Var>();
  const visit = (eqn: JaxprEqn): void => {
    if (ordered.has(eqn)) return;
    for (const input of eqn.inputs) {
      if (input.kind !== "var") continue;
      const maker = makers.get(input);
      if (maker) visit(maker);
      else invars.add(input);
    }
    ordered.add(eqn);
  };
  eqns.forEach(visit);
  return printJaxpr({ jaxpr: { constvars: [], invars: [...invars], eqns: [...ordered], outvars }, consts: [] });
}

interface Context {
  /** Given at first sight, in order: a … z, ba, bb, … */
  readonly names: Map<Var, string>;
  readonly shared: ReadonlyMap<Jaxpr, string>;
  fresh?: number;
}

// ---- jaxprs used more than once -----------------------------------------------

const jaxprsOf = (value: PrintedParam): readonly ClosedJaxpr[] => {
  if (typeof value === "string") return [];
  return isJaxprList(value) ? value : [value];
};
const isJaxprList = (value: Exclude<PrintedParam, string>): value is readonly ClosedJaxpr[] => Array.isArray(value);

/** Names for the jaxprs that appear more than once, in the order in which a breadth-first walk meets them. */
function nameShared(root: Jaxpr): Map<Jaxpr, string> {
  const uses = new Map<Jaxpr, number>();
  const calledAs = new Map<Jaxpr, string>();
  const queue = [root];
  for (let jaxpr = queue.shift(); jaxpr; jaxpr = queue.shift()) {
    const count = (uses.get(jaxpr) ?? 0) + 1;
    uses.set(jaxpr, count);
    if (count > 2) continue;
    for (const eqn of writeOut(jaxpr).eqns) {
      const printed = printedParams(eqn);
      for (const { jaxpr: inner } of Object.values(printed).flatMap(jaxprsOf)) {
        queue.push(inner);
        if (typeof printed.name === "string" && !calledAs.has(inner)) calledAs.set(inner, printed.name);
      }
    }
  }
  const taken = new Map<string, number>();
  const names = new Map<Jaxpr, string>();
  for (const [jaxpr, count] of uses) {
    if (count === 1) continue;
    const name = calledAs.get(jaxpr)?.replace(/^[<>]+|[<>]+$/g, "") ?? "jaxpr";
    const before = taken.get(name) ?? 0;
    taken.set(name, before + 1);
    names.set(jaxpr, before === 0 ? name : `${name}${before}`);
  }
  return names;
}

// ---- names ----------------------------------------------------------------------

function nameOf(variable: Var, context: Context): string {
  let name = context.names.get(variable);
  if (name === undefined) {
    context.fresh = (context.fresh ?? -1) + 1;
    name = alphabetic(context.fresh);
    context.names.set(variable, name);
  }
  return name;
}

function alphabetic(n: number): string {
  const last = String.fromCharCode(97 + (n % 26));
  return n < 26 ? last : alphabetic(Math.floor(n / 26)) + last;
}

/** Inner variables take the names of the atoms they are bound to, each name once. */
function shareNames(inner: readonly Atom[], outer: readonly Atom[], context: Context): void {
  const given = new Set<Var>();
  inner.forEach((variable, i) => {
    const bound = outer[i];
    if (variable.kind !== "var" || context.names.has(variable)) return;
    if (bound?.kind !== "var" || given.has(bound) || context.names.get(bound) === unused) return;
    given.add(bound);
    context.names.set(variable, nameOf(bound, context));
  });
}

// ---- documents --------------------------------------------------------------------

const unused = "_";

/** As in JAX, only the outermost jaxpr marks the results that nothing uses. */
function markUnused(jaxpr: Jaxpr, context: Context): void {
  const used = new Set<Atom>(jaxpr.outvars);
  const { eqns } = writeOut(jaxpr);
  for (const eqn of eqns) for (const input of eqn.inputs) used.add(input);
  for (const eqn of eqns) {
    for (const output of eqn.outputs) if (!used.has(output)) context.names.set(output, unused);
  }
}

function jaxprDoc(jaxpr: Jaxpr, context: Context): Doc {
  const constvars = bindersDoc(jaxpr.constvars, context);
  const invars = bindersDoc(jaxpr.invars, context);
  const eqns = join(
    line("; "),
    writeOut(jaxpr).eqns.map((eqn) => eqnDoc(eqn, context)),
  );
  const outvars = jaxpr.outvars.map((atom) => atomText(atom, context));
  const results: Doc = ["(", filled(outvars, ","), outvars.length === 1 ? ",)" : ")"];
  return group(
    nest(2, "{ lambda ", constvars, "; ", invars, ". let", nest(2, line(), eqns), line(), "in ", results),
    " }",
  );
}

const printedParams = ({ primitive, params, inputs }: JaxprEqn): Readonly<Record<string, PrintedParam>> =>
  primitive.printParams(
    params,
    inputs.map((atom) => atom.aval),
  );

function eqnDoc(eqn: JaxprEqn, context: Context): Doc {
  const { primitive, inputs, outputs } = eqn;
  const lhs = bindersDoc(outputs, context);
  const printed = printedParams(eqn);
  const inner = primitive.sharesNames ? Object.values(printed).flatMap(jaxprsOf) : [];
  for (const { jaxpr } of inner) {
    if (context.shared.has(jaxpr)) continue;
    shareNames(jaxpr.invars, inputs, context);
    shareNames(jaxpr.outvars, outputs, context);
  }
  const operands = filled(inputs.map((atom) => atomText(atom, context)));
  return [lhs, outputs.length > 0 ? " = " : "", primitive.name, paramsDoc(printed, context), " ", operands];
}

function paramsDoc(printed: Readonly<Record<string, PrintedParam>>, context: Context): Doc {
  // A call's name comes first: it is what a reader looks for.
  const keys = Object.keys(printed).sort((a, b) => Number(b === "name") - Number(a === "name") || (a < b ? -1 : 1));
  if (keys.length === 0) return "";
  const entries = keys.map((key): Doc => [`${key}=`, paramDoc(printed[key], context)]);
  return group(nest(2, "[", line(""), join(line(), entries)), line(""), "]");
}

function paramDoc(value: PrintedParam, context: Context): Doc {
  if (typeof value === "string") return value;
  const body = ({ jaxpr }: ClosedJaxpr): Doc => context.shared.get(jaxpr) ?? jaxprDoc(jaxpr, context);
  if (!isJaxprList(value)) return body(value);
  return group("(", nest(2, line(""), join(line(), value.map(body))), line(""), ")");
}

const bindersDoc = (variables: readonly Var[], context: Context): Doc =>
  filled(variables.map((v) => `${nameOf(v, context)}:${formatAvalShort(v.aval)}`));

/** As many on each line as fit. */
const filled = (items: readonly string[], separator = ""): Doc =>
  nest(2, group(join([separator, group(line())], items)));

const atomText = (atom: Atom, context: Context): string =>
  atom.kind === "var" ? nameOf(atom, context) : `${literalText(atom)}:${formatAvalShort(atom.aval)}`;

function literalText({ value, aval }: Literal): string {
  if (isBool(aval.dtype)) return value ? "True" : "False";
  return isFloat(aval.dtype) ? formatFloat(value) : String(value);
}

/** A number in Python's shortest form: `2.0`, `1e-06`, `1e+16`, `inf`. */
export function formatFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [mantissa, exponent] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 16)
    return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  const plain = power < 0 ? value.toFixed(mantissa.replace(/[-.]/g, "").length - 1 - power) : String(value);
  return plain.includes(".") ? plain : `${plain}.0`;
}
