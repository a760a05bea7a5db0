/** Kernel IR as text for readers: one statement a line, values numbered in the order in which they appear. */
import type { Block, Kernel, Statement, Value, Variable } from "./ir.ts";

/** @param bounds whether to say how large buffers are, and what is assumed of values: kernels that differ there alone do the same */
export function printKernel(kernel: Kernel, bounds = true): string {
  return new Printer(bounds).kernel(kernel);
}

class Printer {
  readonly #names = new Map<Value | Variable, string>();
  readonly #bounds: boolean;
  #count = 0;

  constructor(bounds: boolean) {
    this.#bounds = bounds;
  }

  kernel(k: Kernel): string {
    const lines = [
      ...k.buffers.map(
        (b) => `  ${b.access} ${b.atomic ? "atomic " : ""}${b.name}: ${b.element}[${this.#bounds ? b.sizeWords : ""}]`,
      ),
      ...k.shared.map((s) => `  shared ${s.name}: ${s.type}[${s.size}]`),
      ...k.immediates.map((m) => `  immediate ${m.name}: ${m.type}`),
    ];
    const head = `kernel ${k.name} workgroup=${k.workgroupSize.join("x")}`;
    const body = k.raw
      ? k.raw.text
          .trimEnd()
          .split("\n")
          .map((line) => `  ${line}`)
      : this.#block(k.body, "  ");
    return `${[head, ...lines, ...body].join("\n")}\n`;
  }

  #block(block: Block, indent: string): string[] {
    return block.statements.flatMap((s) => this.#statement(s, indent));
  }

  #statement(s: Statement, indent: string): string[] {
    const inner = `${indent}  `;
    switch (s.kind) {
      case "let":
        return [`${indent}${this.#name(s.value)}: ${s.value.type} = ${this.#expression(s.value)}`];
      case "declare":
        return [`${indent}var ${this.#name(s.variable)}: ${s.variable.type} = ${this.#operand(s.initial)}`];
      case "assign":
        return [`${indent}${this.#name(s.variable)} := ${this.#operand(s.value)}`];
      case "store":
        return [`${indent}${s.buffer.name}[${this.#operand(s.index)}] := ${this.#operand(s.value)}`];
      case "storeShared":
        return [`${indent}${s.shared.name}[${this.#operand(s.index)}] := ${this.#operand(s.value)}`];
      case "for": {
        const [start, end, step] = [s.start, s.end, s.step].map((v) => this.#operand(v));
        const by = step === "1" ? "" : ` by ${step}`;
        return [`${indent}for ${this.#name(s.index)} in ${start}..${end}${by}`, ...this.#block(s.body, inner)];
      }
      case "while":
        return [
          `${indent}while`,
          ...this.#block(s.condition, inner),
          `${indent}is ${this.#operand(s.test)} do`,
          ...this.#block(s.body, inner),
        ];
      case "if":
        return [
          `${indent}if ${this.#operand(s.condition)}`,
          ...this.#block(s.then, inner),
          ...(s.otherwise.statements.length > 0 ? [`${indent}else`, ...this.#block(s.otherwise, inner)] : []),
        ];
      case "barrier":
        return [`${indent}barrier ${s.scope}`];
    }
  }

  #name(item: Value | Variable): string {
    let name = this.#names.get(item);
    if (!name) {
      name = item.kind === "variable" ? `${item.name}${this.#count++}` : `%${this.#count++}`;
      this.#names.set(item, name);
    }
    return name;
  }

  #operand(v: Value): string {
    if (v.op === "const") {
      const n = v.attr as number;
      if (v.type === "bool") return n ? "true" : "false";
      const text = Object.is(n, -0) ? "-0" : String(n);
      return v.type === "f32" && Number.isInteger(n) && !text.includes("e") ? `${text}.0` : text;
    }
    if (v.op === "builtin" || v.op === "immediate") return String(v.attr);
    return this.#name(v);
  }

  #expression(v: Value): string {
    const operands = v.args.map((a) => this.#operand(a));
    const { attr } = v;
    if (attr === undefined || (v.op === "assume" && !this.#bounds)) return `${v.op} ${operands.join(", ")}`;
    if (v.op === "lane") return `${operands[0]}.${"xyzw"[attr as number]}`;
    if (typeof attr !== "object") return `${v.op} ${operands.join(", ")} ${attr}`;
    if (attr.kind === "variable") return this.#name(attr);
    const [index, ...values] = operands;
    return [v.op, `${attr.name}[${index}]`, ...values].join(" ");
  }
}
