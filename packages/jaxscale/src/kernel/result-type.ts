/** What type a value has: the rules of the grammar for operands and results, held against it. */
import { invariant } from "../base/errors.ts";
import { type ComputedOp, type OpRule, ruleOf, type Scalars } from "./grammar.ts";
import {
  type BufferDecl,
  laneCount,
  type ScalarType,
  type SharedDecl,
  scalarOf,
  type Value,
  type ValueType,
  type Variable,
  vectorOf,
} from "./ir.ts";

const accepted: Record<Scalars, readonly ScalarType[]> = {
  number: ["f32", "i32", "u32"],
  float: ["f32"],
  integer: ["i32", "u32"],
  bits: ["i32", "u32", "bool"],
  words: ["f32", "i32", "u32"],
  any: ["f32", "i32", "u32", "bool"],
};

type Typed = Pick<Value, "op" | "type" | "args" | "attr">;

/** Type of a computed op's result. @throws Error if the op does not take these operands */
export const resultType = (op: ComputedOp, args: readonly Value[]): ValueType =>
  typeOf({ op, args, type: "f32", attr: undefined });

/** The type that a value must have. @throws Error if its op does not take its operands, or not what it carries */
export function typeOf(v: Typed): ValueType {
  const rule = ruleOf(v.op);
  checkOperands(v, rule);
  const carried = attributeOf(v.attr);
  invariant(
    rule.attribute === undefined ? carried === undefined : carriedAs[rule.attribute] === carried,
    `kernel op ${v.op} carries ${rule.attribute ?? "nothing"}, got ${carried ?? "nothing"}`,
  );
  return resultOf(v, rule);
}

const carriedAs = {
  number: "number",
  name: "string",
  bounds: "string",
  buffer: "buffer",
  shared: "shared",
  variable: "variable",
} as const;

const attributeOf = (attr: Value["attr"]): string | undefined =>
  attr === undefined ? undefined : typeof attr === "object" ? attr.kind : typeof attr;

function checkOperands({ op, args, attr }: Typed, { arity, accepts, apart }: OpRule): void {
  invariant(arity.includes(args.length), `kernel op ${op} takes ${arity.join(" or ")} operands, got ${args.length}`);
  const own = { index: 0, condition: 0, count: 1 } as const;
  const alone = apart === undefined ? undefined : args[own[apart]];
  const others = args.filter((_, i) => apart === undefined || i !== own[apart]);
  const fits =
    others.every((a) => a.type === others[0].type && accepted[accepts].includes(scalarOf(a.type))) &&
    (apart !== "count" || scalarOf((alone as Value).type) === "u32") &&
    (apart !== "condition" || scalarOf((alone as Value).type) === "bool");
  invariant(fits, `kernel op ${op} does not take ${args.map((a) => a.type).join(", ")}`);
  if (apart !== "index") return;
  const memory = attr as BufferDecl | SharedDecl;
  invariant((alone as Value).type === "i32", `${memory.name} is indexed by ${(alone as Value).type}`);
  for (const { type } of others)
    invariant(memory.kind === "buffer" && type === memory.element, `${op} of ${type} on ${memory.name}`);
}

function resultOf({ op, type, args, attr }: Typed, { result }: OpRule): ValueType {
  const [first] = args;
  switch (result) {
    case "same":
      return first.type;
    case "branch":
      return args[1].type;
    case "bool":
      return vectorOf("bool", laneCount(first.type));
    case "scalar":
      invariant(op !== "lane" || (attr as number) < laneCount(first.type), `lane ${String(attr)} of ${first.type}`);
      return scalarOf(first.type);
    case "stated":
      return type;
    case "converted":
      invariant(op !== "bitcast" || scalarOf(type) !== "bool", `bitcast of ${first.type} to ${type}`);
      return vectorOf(scalarOf(type), laneCount(first.type));
    case "vector":
      invariant(
        laneCount(first.type) === 1 && (args.length === 1 || args.length === laneCount(type)),
        `a vector of ${args.map((x) => x.type).join(", ")}`,
      );
      return vectorOf(first.type as ScalarType, laneCount(type));
    case "stored":
      return (attr as Variable).type;
    case "element": {
      const memory = attr as BufferDecl | SharedDecl;
      return memory.kind === "shared" ? memory.type : vectorOf(memory.element, op === "load" ? laneCount(type) : 1);
    }
  }
}
