/** Formats a module as a tree, with the sizes of its parts. */
import { Captures } from "./captures.ts";
import { childrenOf } from "./module.ts";
import { partitionSpecOf } from "./partitioning.ts";
import { formatPath, type Path } from "./path.ts";
import { Pytree } from "./pytree.ts";
import { State } from "./state.ts";
import { formatValue, Variable } from "./variable.ts";

interface Line {
  readonly text: string;
  readonly value: string;
  readonly bytes: number | undefined;
  readonly spec: string;
}
interface Weight {
  elements: number;
  bytes: number;
}

/**
 * Formats a module or State as a tree: the type, dtype, shape, bytes and PartitionSpec (if set) of each Variable. A shared node is
 * listed once; totals by Variable type follow. Works on abstract modules too. `console.log(nnx.display(model))`
 */
export function display(node: Pytree | State): string {
  const lines: Line[] = [];
  const totals = new Map<string, Weight>();
  const seen = new Map<object, Path>();

  const leaf = (label: string, value: unknown, path: Path): void => {
    const held = value instanceof Variable ? value.get() : value;
    const kind = value instanceof Variable ? value.constructor.name : "array";
    const before = typeof value === "object" && value !== null ? seen.get(value) : undefined;
    if (before) {
      lines.push({ text: label, value: `→ ${formatPath(before)}`, bytes: undefined, spec: "" });
      return;
    }
    seen.set(value as object, path);
    const { elements, bytes } = weightOf(held);
    const total = totals.get(kind) ?? { elements: 0, bytes: 0 };
    totals.set(kind, { elements: total.elements + elements, bytes: total.bytes + bytes });
    const spec = value instanceof Variable && value.metadata.outSharding ? String(partitionSpecOf(value.metadata)) : "";
    lines.push({ text: label, value: `${kind} ${formatValue(held)}`, bytes, spec });
  };

  const branch = (at: Pytree, path: Path, indent: string): void => {
    const children = childrenOf(at, path).filter(([, child]) => !(child instanceof Captures));
    children.forEach(([key, child], i) => {
      const last = i === children.length - 1;
      const label = `${indent}${last ? "└─ " : "├─ "}${key}`;
      const below: Path = [...path, key];
      if (!(child instanceof Pytree)) return leaf(label, child, below);
      const before = seen.get(child);
      seen.set(child, before ?? below);
      lines.push({
        text: label,
        value: before ? `→ ${formatPath(before)}` : child.constructor.name,
        bytes: undefined,
        spec: "",
      });
      if (!before) branch(child, below, `${indent}${last ? "   " : "│  "}`);
    });
  };

  lines.push({ text: node.constructor.name, value: "", bytes: undefined, spec: "" });
  if (node instanceof State) for (const [path, value] of node) leaf(formatPath(path), value, path);
  else branch(node, [], "");
  return [...aligned(lines), ...summary(totals)].join("\n");
}

function aligned(lines: readonly Line[]): string[] {
  const width = (of: (line: Line) => string): number => Math.max(0, ...lines.map((line) => of(line).length));
  const [left, middle] = [width(({ text }) => text), width(({ value }) => value)];
  return lines.map(({ text, value, bytes, spec }) =>
    [text.padEnd(left), value.padEnd(middle), (bytes === undefined ? "" : formatBytes(bytes)).padStart(10), spec]
      .join("  ")
      .trimEnd(),
  );
}

function summary(totals: ReadonlyMap<string, Weight>): string[] {
  const all = [...totals.values()].reduce((a, b) => ({ elements: a.elements + b.elements, bytes: a.bytes + b.bytes }), {
    elements: 0,
    bytes: 0,
  });
  const say = ({ elements, bytes }: Weight): string => `${elements.toLocaleString("en-US")} (${formatBytes(bytes)})`;
  const kinds = [...totals].map(([kind, weight]) => `${kind} ${say(weight)}`);
  return [[...kinds, `total ${say(all)}`].join(", ")];
}

/** Bytes of an array, a key, or a tree of them. */
function weightOf(value: unknown): Weight {
  if (Array.isArray(value))
    return value
      .map(weightOf)
      .reduce((a, b) => ({ elements: a.elements + b.elements, bytes: a.bytes + b.bytes }), { elements: 0, bytes: 0 });
  if (typeof value !== "object" || value === null || !("shape" in value && "dtype" in value))
    return { elements: 0, bytes: 0 };
  const elements = (value.shape as readonly number[]).reduce((a, b) => a * b, 1);
  const dtype = String(value.dtype);
  // A key is two uint32 words.
  const bits = dtype.startsWith("key") ? 64 : Number(/\d+$/.exec(dtype)?.[0] ?? 8);
  return { elements, bytes: (elements * bits) / 8 };
}

const units = ["B", "KB", "MB", "GB", "TB"];
function formatBytes(bytes: number): string {
  let [amount, unit] = [bytes, 0];
  while (amount >= 1000 && unit < units.length - 1) {
    amount /= 1000;
    unit++;
  }
  return `${unit === 0 ? amount : amount.toFixed(amount < 10 ? 2 : amount < 100 ? 1 : 0)} ${units[unit]}`;
}
