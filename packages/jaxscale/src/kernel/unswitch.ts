/** Loops that choose between memories at every access, as one loop for each choice: the choice is made once, before them. */
import type { KernelBuilder } from "./builder.ts";
import { ruleOf } from "./grammar.ts";
import type { Block, Range, Statement, Value, Variable } from "./ir.ts";
import { boundsWithin, divisorOf } from "./simplify.ts";
import { uniformIn } from "./uniformity.ts";

type Loop = Extract<Statement, { kind: "for" }>;
type Test = (v: Value) => boolean;
type If = Extract<Statement, { kind: "if" }>;
type Choice = If & Required<Pick<If, "ofMemory">>;

const isChoice = (s: Statement | undefined): s is Choice => s?.kind === "if" && s.ofMemory !== undefined;

/** Statements of all versions of a loop together: what is longer takes drivers too long to compile. */
const mostStatements = 768;

/** Applied before pure values are placed: only what has an effect is in the blocks. */
export function unswitch(k: KernelBuilder, body: Block): Block {
  if (!choosesMemory(body)) return body;
  const isUniform = uniformIn(body);
  const inBlock = ({ statements }: Block): Block => ({
    statements: statements.flatMap((s): readonly Statement[] => {
      if (s.kind === "if") return [{ ...s, then: inBlock(s.then), otherwise: inBlock(s.otherwise) }];
      if (s.kind === "while") return [{ ...s, body: inBlock(s.body) }];
      if (s.kind !== "for") return [s];
      const loop = { ...s, body: inBlock(s.body) };
      return [versions(k, loop, isUniform)];
    }),
  });
  return inBlock(body);
}

const choosesMemory = ({ statements }: Block): boolean =>
  statements.some((s) => isChoice(s) || blocksOf(s).some(choosesMemory));

const countOf = ({ statements }: Block): number =>
  statements.reduce((n, s) => n + 1 + blocksOf(s).reduce((inner, block) => inner + countOf(block), 0), 0);

/** The loop as it is stands for iterations that choose differently, if there may be such. */
function versions(k: KernelBuilder, loop: Loop, isUniform: Test): Statement {
  const found: { readonly condition: Value; readonly loop: Loop }[] = [];
  let room = mostStatements - countOf(loop.body);
  let [rest, condition]: [Loop, Value | undefined] = [loop, undefined];
  const and = (a: Value | undefined, b: Value): Value => (a ? k.and(a, b) : b);
  for (;;) {
    const decision = decisionOf(k, rest, isUniform);
    if (!decision) break;
    const { always, never, choices } = decision;
    const [holding, failing] = [true, false].map((holds) => new Copy(k, choices, holds).loop(rest));
    room -= countOf(holding.body);
    if (room < countOf(failing.body)) return loop;
    const isNeverSure = always.op === "const" && always.attr === 0;
    if (!isNeverSure) found.push({ condition: and(condition, always), loop: holding });
    rest = failing;
    if (never) condition = and(condition, never);
  }
  const last: Statement = condition ? choice(condition, rest, loop) : rest;
  return found.reduceRight((otherwise, { condition: when, loop: own }) => choice(when, own, otherwise), last);
}

const choice = (condition: Value, then: Statement, otherwise: Statement): Statement => ({
  kind: "if",
  condition,
  then: { statements: [then] },
  otherwise: { statements: [otherwise] },
});

/** What is known before a loop of choices inside it. */
interface Decision {
  /** Whether all of them take the first memory in all iterations. */
  readonly always: Value;
  /** Whether none does in any; absent: none does if not all do. */
  readonly never?: Value;
  readonly choices: ReadonlySet<Choice>;
}

/** Choices that compare with one end what differs by a bounded amount only. */
interface Alike {
  readonly fixed: Value;
  readonly end: Value;
  readonly choices: Set<Choice>;
  span: Range;
}

/** Of the first choices in a loop that can be decided before it. */
function decisionOf(k: KernelBuilder, loop: Loop, isUniform: Test): Decision | undefined {
  const inside = definedIn(loop);
  const changes = variation(inside.values);
  // Where lanes work together, what differs between them counts as changing.
  const varies = (v: Value): boolean => changes(v) || (inside.needsAll && !isUniform(v));
  const groups = new Map<string, Alike>();
  for (const made of inside.choices) {
    const [position, end] = made.ofMemory;
    const parts = varies(end) ? undefined : boundsWithin(k, position, varies);
    if (!parts) continue;
    const { fixed, rest } = parts;
    const key = `${fixed.id} ${end.id}`;
    const group = groups.get(key);
    if (!group) groups.set(key, { fixed, end, choices: new Set([made]), span: rest });
    else {
      group.choices.add(made);
      group.span = { min: Math.min(group.span.min, rest.min), max: Math.max(group.span.max, rest.max) };
    }
  }
  for (const { fixed, end, span, choices } of groups.values()) {
    const at = (offset: number): Value => (offset === 0 ? fixed : k.raw("add", fixed, k.i32(offset)));
    // Where both are multiples of more than what varies, that decides nothing.
    if (span.min >= 0 && commonDivisor(fixed, end) > span.max) return { always: k.lt(fixed, end), choices };
    const [always, never] = [k.lt(at(span.max), end), k.ge(at(span.min), end)];
    if (always.op !== "const" || never.op !== "const") return { always, never, choices };
  }
  return undefined;
}

const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b));
const commonDivisor = (a: Value, b: Value): number => gcd(divisorOf(a), divisorOf(b));

/** Whether a value may change while a loop runs. */
function variation(defined: ReadonlySet<Value>): (v: Value) => boolean {
  const known = new Map<Value, boolean>();
  const varies = (v: Value): boolean => {
    let result = known.get(v);
    if (result === undefined) known.set(v, (result = defined.has(v) || v.args.some(varies)));
    return result;
  };
  return varies;
}

interface Inside {
  readonly values: ReadonlySet<Value>;
  readonly choices: readonly Choice[];
  /** Whether lanes work together inside, so that all must take the same version. */
  readonly needsAll: boolean;
}

function definedIn(loop: Loop): Inside {
  const values = new Set<Value>();
  const choices: Choice[] = [];
  let needsAll = false;
  const visit = (s: Statement): void => {
    if (s.kind === "let") {
      values.add(s.value);
      needsAll ||= ruleOf(s.value.op).effect === "subgroup";
    } else if (s.kind === "for") values.add(s.index);
    else if (s.kind === "barrier") needsAll = true;
    else if (isChoice(s)) choices.push(s);
    for (const block of blocksOf(s)) block.statements.forEach(visit);
  };
  visit(loop);
  return { values, choices, needsAll };
}

function blocksOf(s: Statement): readonly Block[] {
  if (s.kind === "for") return [s.body];
  if (s.kind === "while") return [s.condition, s.body];
  return s.kind === "if" ? [s.then, s.otherwise] : [];
}

/** A copy of a loop in which some choices take the first memory, or the other. */
class Copy {
  readonly #k: KernelBuilder;
  readonly #choices: ReadonlySet<Statement>;
  readonly #first: boolean;
  readonly #values = new Map<Value, Value>();
  readonly #variables = new Map<Variable, Variable>();
  /** What variables are that only a decided choice assigns. */
  readonly #chosen = new Map<Variable, Value>();

  constructor(k: KernelBuilder, choices: ReadonlySet<Choice>, first: boolean) {
    this.#k = k;
    this.#choices = choices;
    this.#first = first;
  }

  loop(s: Loop): Loop {
    const [start, end, step] = [s.start, s.end, s.step].map((v) => this.#value(v));
    const index = this.#k.again(s.index, []);
    this.#values.set(s.index, index);
    return { kind: "for", index, start, end, step, body: this.#block(s.body) };
  }

  #block({ statements }: Block): Block {
    return { statements: statements.flatMap((s, i) => this.#statement(s, statements[i + 1])) };
  }

  #statement(s: Statement, next: Statement | undefined): readonly Statement[] {
    switch (s.kind) {
      case "let": {
        const chosen = s.value.op === "get" ? this.#chosen.get(s.value.attr as Variable) : undefined;
        const value = chosen ?? this.#k.again(s.value, ...this.#operands(s.value));
        this.#values.set(s.value, value);
        return chosen ? [] : [{ kind: "let", value }];
      }
      case "declare": {
        if (isChoice(next) && this.#choices.has(next) && assigns(this.#taken(next), s.variable))
          this.#chosen.set(s.variable, s.initial);
        if (this.#chosen.has(s.variable)) return [];
        const initial = this.#value(s.initial);
        const variable = this.#k.fresh(s.variable);
        this.#variables.set(s.variable, variable);
        return [{ kind: "declare", variable, initial }];
      }
      case "assign": {
        const value = this.#value(s.value);
        if (!this.#chosen.has(s.variable)) return [{ ...s, variable: this.#variable(s.variable), value }];
        this.#chosen.set(s.variable, value);
        return [];
      }
      case "store":
      case "storeShared":
        return [{ ...s, index: this.#value(s.index), value: this.#value(s.value) }];
      case "for":
        return [this.loop(s)];
      case "while": {
        const condition = this.#block(s.condition);
        return [{ kind: "while", condition, test: this.#value(s.test), body: this.#block(s.body) }];
      }
      case "if":
        if (this.#choices.has(s)) return this.#block(this.#taken(s)).statements;
        return [
          {
            ...s,
            condition: this.#value(s.condition),
            then: this.#block(s.then),
            otherwise: this.#block(s.otherwise),
            ...(s.ofMemory && { ofMemory: [this.#value(s.ofMemory[0]), this.#value(s.ofMemory[1])] as const }),
          },
        ];
      case "barrier":
        return [s];
    }
  }

  #taken = ({ then, otherwise }: If): Block => (this.#first ? then : otherwise);
  #variable = (v: Variable): Variable => this.#variables.get(v) ?? v;

  #operands({ args, attr }: Value): [readonly Value[], Value["attr"]] {
    const own = typeof attr === "object" && attr.kind === "variable" ? this.#variable(attr) : attr;
    return [args.map((a) => this.#value(a)), own];
  }

  /** A value in terms of the copy's. */
  #value(v: Value): Value {
    const known = this.#values.get(v);
    if (known) return known;
    const [args] = this.#operands(v);
    const copy = args.every((a, i) => a === v.args[i]) ? v : this.#k.again(v, args);
    this.#values.set(v, copy);
    return copy;
  }
}

const assigns = ({ statements }: Block, variable: Variable): boolean => {
  const last = statements.at(-1);
  return last?.kind === "assign" && last.variable === variable;
};
