/** Kernel IR to WGSL text. */
import { invariant } from "../base/errors.ts";
import { isComputed, ruleOf } from "../kernel/grammar.ts";
import {
  type Block,
  type BufferDecl,
  type Kernel,
  laneCount,
  type SharedDecl,
  type Statement,
  type Value,
  type Variable,
  vectorOf,
} from "../kernel/ir.ts";
import { layoutOf } from "./layout.ts";
import { constantText, isConstantExpression, runtimeConstant } from "./literals.ts";
import { Names } from "./names.ts";
import { atom, binding, inVectors, plus, type TableOp, type Text, table } from "./table.ts";
import { assignedIn, countUses } from "./uses.ts";

export interface PrintOptions {
  /** Small per-dispatch values: as immediate data, or in a uniform buffer bound after the kernel's buffers. */
  readonly immediates?: "immediate" | "uniform";
}

/** WGSL of a kernel: entry point `main`, group 0, bindings in the order of `kernel.buffers`. */
export function printWgsl(kernel: Kernel, options: PrintOptions = {}): string {
  return kernel.raw?.text ?? new Printer(kernel).print(options.immediates ?? "immediate");
}

/** An expression that is written where it is used; it reads `variables`, so it must be written before they change. */
interface Pending {
  readonly text: Text;
  readonly variables: ReadonlySet<Variable>;
}

const longestInline = 76;
const none: ReadonlySet<Variable> = new Set();

const builtins: Record<string, { readonly parameter: string; readonly from: string; readonly name: string }> = {
  subgroup_lane: {
    parameter: "@builtin(subgroup_invocation_id) subgroup_invocation_id: u32",
    from: "subgroup_invocation_id",
    name: "lane",
  },
  subgroup_size: {
    parameter: "@builtin(subgroup_size) subgroup_size: u32",
    from: "subgroup_size",
    name: "lanes",
  },
};
for (const [key, builtin, name] of [
  ["workgroup_id", "workgroup_id", "workgroup"],
  ["num_workgroups", "num_workgroups", "groups"],
  ["local_id", "local_invocation_id", "local"],
])
  for (const axis of "xyz")
    builtins[`${key}.${axis}`] = {
      parameter: `@builtin(${builtin}) ${builtin}: vec3<u32>`,
      from: `${builtin}.${axis}`,
      name: `${name}_${axis}`,
    };

class Printer {
  readonly #kernel: Kernel;
  readonly #names = new Names();
  readonly #named = new Map<Value | Variable | BufferDecl | SharedDecl, string>();
  readonly #builtins = new Map<string, string>();
  readonly #pending = new Map<Value, Pending>();
  /** Where a vector begins of which single words are loaded when asked for. */
  readonly #words = new Map<Value, Text>();
  readonly #uses: ReturnType<typeof countUses>;
  readonly #layout: ReturnType<typeof layoutOf>;
  #lines: string[] = [];
  #indent = "  ";
  #reads = new Set<Variable>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#uses = countUses(kernel.body);
    this.#layout = layoutOf(kernel);
    for (const b of [...kernel.buffers, ...kernel.shared]) this.#named.set(b, this.#names.fresh(b.name));
  }

  print(immediates: "immediate" | "uniform"): string {
    const { name, usesSubgroups, workgroupSize } = this.#kernel;
    this.#block(this.#kernel.body);
    const body = this.#lines;
    const used = [...this.#builtins.keys()].map((key) => builtins[key]);
    const parameters = [...new Set(used.map((b) => b.parameter))];
    const subgroups = usesSubgroups || used.some((b) => b.from.startsWith("subgroup"));
    const immediate = this.#kernel.immediates.length > 0 && immediates === "immediate";
    return `${[
      `// ${name}`,
      ...(subgroups ? ["enable subgroups;"] : []),
      ...(immediate ? ["requires immediate_address_space;"] : []),
      ...this.#declarations(immediates),
      ...(body.some((line) => line.includes("zero_bits")) ? ["var<private> zero_bits: u32 = 0u;"] : []),
      "",
      `@compute @workgroup_size(${workgroupSize.join(", ")})`,
      parameters.length > 0 ? `fn main(\n${parameters.map((p) => `  ${p},`).join("\n")}\n) {` : "fn main() {",
      ...[...this.#builtins].map(([key, text]) => `  let ${text} = i32(${builtins[key].from});`),
      ...body,
      "}",
    ].join("\n")}\n`;
  }

  #declarations(space: "immediate" | "uniform"): string[] {
    const { buffers, shared, immediates } = this.#kernel;
    const lines = buffers.map((b, i) => {
      const element = b.atomic ? `atomic<${b.element}>` : vectorOf(b.element, this.#layout.get(b) ?? 1);
      return `@group(0) @binding(${i}) var<storage, ${b.access}> ${this.#named.get(b)}: array<${element}>;`;
    });
    if (immediates.length > 0) {
      invariant(
        immediates.length <= 16,
        `kernel ${this.#kernel.name} has ${immediates.length} immediates, more than 16`,
      );
      const where = space === "immediate" ? "var<immediate>" : `@group(0) @binding(${buffers.length}) var<uniform>`;
      lines.push(`struct Immediates { ${immediates.map((m) => `${m.name}: ${m.type}`).join(", ")} }`);
      lines.push(`${where} immediates: Immediates;`);
    }
    for (const s of shared) lines.push(`var<workgroup> ${this.#named.get(s)}: array<${s.type}, ${s.size}>;`);
    return lines;
  }

  // ---- statements --------------------------------------------------------------------

  #emit(line: string): void {
    this.#lines.push(this.#indent + line);
  }

  #block(block: Block): void {
    for (const s of block.statements) this.#statement(s, block);
  }

  #nested(block: Block): void {
    this.#indent += "  ";
    this.#block(block);
    this.#indent = this.#indent.slice(2);
  }

  #statement(s: Statement, block: Block): void {
    switch (s.kind) {
      case "let":
        return this.#let(s.value, block);
      case "declare": {
        const initial = this.#take(s.initial);
        this.#named.set(s.variable, this.#names.fresh(s.variable.name));
        return this.#emit(`var ${this.#named.get(s.variable)}: ${s.variable.type} = ${initial.text};`);
      }
      case "assign": {
        const value = this.#take(s.value);
        this.#flush(new Set([s.variable]));
        return this.#emit(`${this.#named.get(s.variable)} = ${value.text};`);
      }
      case "store":
        return this.#store(s.buffer, s.index, s.value);
      case "storeShared": {
        const index = this.#take(s.index);
        return this.#emit(`${this.#named.get(s.shared)}[${index.text}] = ${this.#take(s.value).text};`);
      }
      case "for": {
        const start = this.#take(s.start).text;
        // Written into the loop's header they would be evaluated again each time round.
        const [end, step] = [s.end, s.step].map((v) => this.#shorten(this.#take(v), v.op === "get").text);
        this.#flush(assignedIn(s));
        const i = this.#names.fresh("i");
        this.#named.set(s.index, i);
        this.#emit(`for (var ${i} = ${start}; ${i} < ${end}; ${i} += ${step}) {`);
        this.#nested(s.body);
        return this.#emit("}");
      }
      case "while": {
        this.#flush(assignedIn(s));
        this.#emit("loop {");
        this.#nested(s.condition);
        this.#indent += "  ";
        const test = this.#take(s.test);
        this.#emit(`if !(${test.text}) { break; }`);
        this.#indent = this.#indent.slice(2);
        this.#nested(s.body);
        return this.#emit("}");
      }
      case "if": {
        const condition = this.#take(s.condition);
        this.#flush(assignedIn(s));
        this.#emit(`if (${condition.text}) {`);
        this.#nested(s.then);
        if (s.otherwise.statements.length > 0) {
          this.#emit("} else {");
          this.#nested(s.otherwise);
        }
        return this.#emit("}");
      }
      case "barrier":
        return this.#emit(`${s.scope}Barrier();`);
    }
  }

  #store(buffer: BufferDecl, index: Value, value: Value): void {
    const name = this.#named.get(buffer);
    const lanes = laneCount(value.type);
    const at = this.#take(index);
    const what = this.#take(value);
    if (buffer.atomic) return this.#emit(`atomicStore(&${name}[${at.text}], ${what.text});`);
    if (lanes === (this.#layout.get(buffer) ?? 1))
      return this.#emit(`${name}[${inVectors(at, lanes).text}] = ${what.text};`);
    const base = this.#shorten(at);
    const vector = this.#shorten(what);
    for (let lane = 0; lane < lanes; lane++)
      this.#emit(`${name}[${plus(base, lane).text}] = ${vector.text}.${"xyzw"[lane]};`);
  }

  /** A short name for a text that is written several times. */
  #shorten(text: Text, always = false): Text {
    if (!always && /^[A-Za-z_][\w.]*$|^-?\d+$/.test(text.text)) return text;
    const name = this.#names.fresh("v");
    this.#emit(`let ${name} = ${text.text};`);
    return atom(name);
  }

  #let(v: Value, block: Block): void {
    const use = this.#uses.get(v);
    if (use?.byLane && this.#isScattered(v)) {
      this.#words.set(v, this.#shorten(this.#take(v.args[0]), v.args[0].op === "get"));
      return;
    }
    const outer = this.#reads;
    this.#reads = new Set();
    const text = this.#expression(v);
    const variables = this.#reads;
    this.#reads = outer;
    if (use && v.op === "lane" && this.#named.has(v.args[0])) {
      this.#named.set(v, text.text);
      return;
    }
    const inline = use?.count === 1 && use.block === block && text.text.length <= longestInline && isInlinable(v);
    if (inline) this.#pending.set(v, { text, variables: variables.size > 0 ? variables : none });
    else if (use) this.#name(v, text);
    else if (ruleOf(v.op).effect === "atomic") this.#emit(`${text.text.replace(/\.old_value$/, "")};`);
  }

  #name(v: Value, text: Text): void {
    const name = this.#names.fresh("v");
    this.#named.set(v, name);
    this.#emit(`let ${name} = ${text.text};`);
  }

  /** Writes pending expressions that read a variable which is about to change. */
  #flush(changing: ReadonlySet<Variable>): void {
    for (const [v, { text, variables }] of this.#pending) {
      if (![...variables].some((x) => changing.has(x))) continue;
      this.#pending.delete(v);
      this.#name(v, text);
    }
  }

  // ---- expressions -------------------------------------------------------------------

  /** Text of an operand; a pending expression goes into the text that takes it. */
  #take(v: Value): Text {
    const pending = this.#pending.get(v);
    if (pending) {
      this.#pending.delete(v);
      for (const x of pending.variables) this.#reads.add(x);
      return pending.text;
    }
    const name = this.#named.get(v);
    if (name) return atom(name);
    if (v.op === "const") return constantOperand(constantText(v));
    if (v.op === "builtin") return atom(this.#builtin(v.attr as string));
    invariant(v.op === "immediate", `kernel ${this.#kernel.name}: value ${v.op} is used where it is not defined`);
    return atom(`immediates.${v.attr as string}`);
  }

  #builtin(key: string): string {
    const known = this.#builtins.get(key);
    if (known) return known;
    const name = this.#names.fresh(builtins[key].name);
    this.#builtins.set(key, name);
    return name;
  }

  #expression(v: Value): Text {
    switch (v.op) {
      case "get":
        this.#reads.add(v.attr as Variable);
        return atom(this.#named.get(v.attr as Variable) as string);
      case "lane": {
        const base = this.#words.get(v.args[0]);
        if (!base) break;
        const buffer = v.args[0].attr as BufferDecl;
        return atom(`${this.#named.get(buffer)}[${plus(base, v.attr as number).text}]`);
      }
      case "load":
        return this.#load(v, v.attr as BufferDecl);
      case "loadShared":
        return atom(`${this.#named.get(v.attr as SharedDecl)}[${this.#take(v.args[0]).text}]`);
    }
    if (ruleOf(v.op).effect === "atomic") {
      const [index, ...values] = v.args.map((a) => this.#take(a).text);
      const place = `&${this.#named.get(v.attr as BufferDecl)}[${index}]`;
      const weak = v.op === "atomicCompareExchange";
      return atom(`${v.op}${weak ? "Weak" : ""}(${[place, ...values].join(", ")})${weak ? ".old_value" : ""}`);
    }
    const operands = v.args.map((a) => this.#take(a));
    // Tint evaluates constant expressions and refuses those that overflow.
    if (computes(v) && v.args.every(isConstantExpression)) operands[0] = atom(runtimeOperand(v.args[0]));
    return table[v.op as TableOp](operands, v);
  }

  /** A vector load from a constant buffer that is declared word by word. */
  #isScattered(v: Value): boolean {
    if (v.op !== "load" || laneCount(v.type) === 1) return false;
    const buffer = v.attr as BufferDecl;
    return buffer.access === "read" && (this.#layout.get(buffer) ?? 1) !== laneCount(v.type);
  }

  #load(v: Value, buffer: BufferDecl): Text {
    const name = this.#named.get(buffer);
    const lanes = laneCount(v.type);
    const index = this.#take(v.args[0]);
    if (buffer.atomic) return atom(`atomicLoad(&${name}[${index.text}])`);
    if (lanes === (this.#layout.get(buffer) ?? 1)) return atom(`${name}[${inVectors(index, lanes).text}]`);
    const base = this.#shorten(index);
    const words = Array.from({ length: lanes }, (_, lane) => `${name}[${plus(base, lane).text}]`);
    return atom(`${v.type}(${words.join(", ")})`);
  }
}

const constantOperand = (text: string): Text => ({
  text,
  binding: text.startsWith("-") ? binding.product : binding.atom,
});

const computes = (v: Value): boolean => isComputed(v.op) || v.op === "bitcast";

function runtimeOperand(v: Value): string {
  if (v.op === "const") return runtimeConstant(v);
  const lanes = v.args.map(runtimeOperand);
  return table[v.op as "vec"](lanes.map(atom), v).text;
}

function isInlinable(v: Value): boolean {
  const { effect } = ruleOf(v.op);
  if (effect === "reads buffer") return (v.attr as BufferDecl).access === "read";
  return effect === undefined || effect === "reads variable";
}
