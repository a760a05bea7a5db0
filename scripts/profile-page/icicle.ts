/** Device time by program, scope and kernel, each below what it is part of and as wide as its time. */
import { colour, h } from "./dom.ts";
import { figure, percent } from "./format.ts";
import type { Row } from "./rows.ts";

interface Part {
  readonly name: string;
  /** From the program down. */
  readonly path: readonly string[];
  readonly depth: number;
  readonly parts: Map<string, Part>;
  row: Row | undefined;
  elapsedMs: number;
  /** Time by the share of the roof, summed. */
  atRoof: number;
}

function newPart(name: string, path: readonly string[]): Part {
  return { name, path, depth: path.length, parts: new Map(), row: undefined, elapsedMs: 0, atRoof: 0 };
}

function treeOf(rows: readonly Row[]): Part {
  const root = newPart("all", []);
  for (const row of rows) {
    const { program, scope, name, elapsedMs, shareOfRoof } = row.kernel;
    const path = [program, ...scope.split("/").filter(Boolean), `${name} ${row.key}`];
    let at = root;
    const add = (): void => {
      at.elapsedMs += elapsedMs;
      at.atRoof += elapsedMs * (shareOfRoof ?? 0);
    };
    add();
    path.forEach((step, i) => {
      const isKernel = i === path.length - 1;
      let part = at.parts.get(step);
      if (!part) at.parts.set(step, (part = newPart(isKernel ? name : step, path.slice(0, i + 1))));
      if (isKernel) part.row = row;
      at = part;
      add();
    });
  }
  return root;
}

/** Numbered ones by their numbers, as layers are, others by time. */
const inOrder = (a: Part, b: Part): number =>
  Number.isNaN(Number(a.name) + Number(b.name)) ? b.elapsedMs - a.elapsedMs : Number(a.name) - Number(b.name);

export interface IcicleOptions {
  readonly open: (row: Row) => void;
  /** Called with the words that the scope's kernels have. */
  readonly choose: (words: string) => void;
  /** Milliseconds that the whole width stands for. */
  readonly widthMs: number;
  readonly hasRoofs: boolean;
}

export function icicle(rows: readonly Row[], options: IcicleOptions): HTMLElement {
  const root = treeOf(rows);
  const levels: HTMLElement[] = [];
  const place = (part: Part, startMs: number): void => {
    levels[part.depth] ??= h("div", { class: "level" });
    levels[part.depth].append(block(part, startMs, options));
    let at = startMs;
    for (const inner of [...part.parts.values()].sort(inOrder)) {
      // Narrower than a pixel it could not be hit.
      if (inner.elapsedMs / options.widthMs > 0.001) place(inner, at);
      at += inner.elapsedMs;
    }
  };
  place(root, 0);
  return h("div", { class: "icicle" }, ...levels);
}

function block(part: Part, startMs: number, { open, choose, widthMs, hasRoofs }: IcicleOptions): HTMLElement {
  const { row, name, elapsedMs, path } = part;
  const ofRoof = elapsedMs === 0 ? 0 : part.atRoof / elapsedMs;
  const label = `${name}: ${figure(elapsedMs)} ms${hasRoofs ? `, ${percent(ofRoof)} of roof` : ""}`;
  const place = `left:${(100 * startMs) / widthMs}%;width:${(100 * elapsedMs) / widthMs}%`;
  const background = hasRoofs ? roofColour(ofRoof) : colour("block");
  return h(
    "button",
    {
      type: "button",
      class: "block",
      style: `${place};background:${background}`,
      title: label,
      "aria-label": label,
      onclick: () => (row ? open(row) : choose(path.join(" "))),
    },
    name,
  );
}

/** From far below the roof to at it. */
const roofColour = (share: number): string =>
  `color-mix(in oklch, ${colour("far")}, ${colour("near")} ${Math.round(100 * Math.min(1, share))}%)`;
