/** The table of kernels: any column sorts, a text filters, the keyboard moves. */
import { h } from "./dom.ts";
import { change, figure, percent, shortSite } from "./format.ts";
import type { Row } from "./rows.ts";

interface Column {
  readonly title: string;
  readonly hint?: string;
  /** What it sorts by. */
  readonly value: (row: Row) => number | string;
  readonly text?: (row: Row) => string;
  /** Shown beside another run alone. */
  readonly compares?: boolean;
}

/** Of the run that is looked at: nothing of a kernel that is in the other alone. */
const own = (of: (row: Row) => number) => (row: Row) => (row.gone ? 0 : of(row));
const number = (title: string, of: (row: Row) => number, hint?: string): Column => ({
  title,
  hint,
  value: own(of),
  text: (row) => (row.gone ? "–" : figure(of(row))),
});

const columns: readonly Column[] = [
  { title: "kernel", value: ({ kernel }) => kernel.name },
  { title: "program", value: ({ kernel }) => kernel.program },
  { title: "scope", value: ({ kernel }) => kernel.scope },
  { title: "line", hint: "where the main operation was called", value: ({ kernel }) => shortSite(kernel.site) },
  number("count", ({ kernel }) => kernel.count, "dispatches"),
  number("ms", ({ kernel }) => kernel.elapsedMs, "device time of all dispatches"),
  {
    title: "ms, other",
    value: ({ other }) => other?.elapsedMs ?? 0,
    text: ({ other }) => figure(other?.elapsedMs ?? Number.NaN),
    compares: true,
  },
  {
    title: "change",
    hint: "of this run's time against the other's",
    value: (row) => (row.other && !row.gone ? row.kernel.elapsedMs - row.other.elapsedMs : 0),
    text: ({ kernel, other, gone }) =>
      other && !gone ? change(other.elapsedMs, kernel.elapsedMs) : gone ? "gone" : "new",
    compares: true,
  },
  {
    title: "time",
    hint: "share of the device time of all kernels",
    value: own(({ kernel }) => kernel.share),
    text: ({ kernel, gone }) => (gone ? "–" : percent(kernel.share)),
  },
  {
    title: "of roof",
    hint: "of the measured bandwidth or arithmetic, whichever binds",
    value: ({ kernel, gone }) => (gone ? -1 : (kernel.shareOfRoof ?? -1)),
    text: ({ kernel, gone }) => (gone ? "–" : percent(kernel.shareOfRoof)),
  },
  { title: "bound by", value: ({ kernel }) => (kernel.shareOfRoof === null ? "" : kernel.boundBy) },
  number("mean ms", ({ kernel }) => kernel.meanMs, "device time of one dispatch"),
  number("GB/s", ({ kernel }) => kernel.gigabytesPerSecond),
  number("GFLOP/s", ({ kernel }) => kernel.gigaflopsPerSecond),
  number("MB", ({ kernel }) => kernel.bytes / 1e6, "read and written, after fusion"),
  number("MFLOP", ({ kernel }) => kernel.flops / 1e6),
];

export class KernelTable {
  readonly root: HTMLElement;
  readonly #open: (row: Row) => void;
  readonly #filter: HTMLInputElement;
  readonly #head = h("thead");
  readonly #body = h("tbody");
  readonly #count = h("output", { for: "filter" });
  #rows: readonly Row[] = [];
  #shown: readonly Column[] = columns;
  #sort = { column: "ms", descending: true };

  /** @param open called for the kernel that is clicked, or entered */
  constructor(open: (row: Row) => void) {
    this.#open = open;
    this.#filter = h("input", {
      id: "filter",
      type: "search",
      placeholder: "filter: words of name, scope, program, line  ( / )",
      oninput: () => this.#fill(),
    });
    this.root = h(
      "div",
      {},
      h("div", { class: "bar" }, this.#filter, this.#count),
      h("div", { class: "scroll" }, h("table", { id: "kernels" }, this.#head, this.#body)),
    );
  }

  show(rows: readonly Row[], compares: boolean): void {
    this.#rows = rows;
    this.#shown = columns.filter((column) => compares || !column.compares);
    this.#fill();
  }

  /** Shows rows that have all of the words. */
  filter(text: string): void {
    this.#filter.value = text;
    this.#fill();
  }

  focusFilter(): void {
    this.#filter.focus();
  }

  #fill(): void {
    const words = this.#filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = ({ kernel: k }: Row): boolean => {
      const text = [k.name, k.program, k.scope, k.site, k.operations.join(" ")].join(" ").toLowerCase();
      return words.every((word) => text.includes(word));
    };
    const found = this.#rows.filter(matches);
    const by = columns.find(({ title }) => title === this.#sort.column) ?? columns[0];
    const order = (a: Row, b: Row): number => {
      const [x, y] = [by.value(a), by.value(b)];
      return typeof x === "number" && typeof y === "number" ? x - y : `${x}`.localeCompare(`${y}`);
    };
    const sorted = [...found].sort((a, b) => (this.#sort.descending ? -order(a, b) : order(a, b)));
    this.#head.replaceChildren(h("tr", {}, ...this.#shown.map((column) => this.#heading(column))));
    this.#body.replaceChildren(...sorted.map((row) => this.#line(row)));
    const ms = found.reduce((sum, { kernel, gone }) => sum + (gone ? 0 : kernel.elapsedMs), 0);
    this.#count.textContent = `${found.length} of ${this.#rows.length} kernels, ${figure(ms)} ms`;
  }

  #heading({ title, hint, text }: Column): HTMLElement {
    const { column, descending } = this.#sort;
    const isBy = column === title;
    const sort = (): void => {
      this.#sort = { column: title, descending: isBy ? !descending : true };
      this.#fill();
      this.#head.querySelector<HTMLElement>(`[data-column="${title}"]`)?.focus();
    };
    const mark = isBy ? (descending ? " ▼" : " ▲") : "";
    return h(
      "th",
      {
        scope: "col",
        class: text ? "number" : undefined,
        "aria-sort": isBy ? (descending ? "descending" : "ascending") : "none",
        title: hint,
      },
      h("button", { type: "button", "data-column": title, onclick: sort }, `${title}${mark}`),
    );
  }

  #line(row: Row): HTMLElement {
    const cells = this.#shown.map((column) => {
      const text = column.text?.(row) ?? `${column.value(row)}`;
      return h("td", { class: column.text ? "number" : "text", title: column.text ? undefined : text }, text);
    });
    const line: HTMLElement = h("tr", {
      tabindex: 0,
      "data-key": row.key,
      class: row.gone ? "gone" : undefined,
      onclick: () => this.#open(row),
      onkeydown: (event) => this.#move(event as KeyboardEvent, line, row),
    });
    line.append(...cells);
    return line;
  }

  #move(event: KeyboardEvent, line: HTMLElement, row: Row): void {
    const next = { ArrowDown: line.nextElementSibling, ArrowUp: line.previousElementSibling }[event.key];
    if (event.key === "Enter" || event.key === " ") this.#open(row);
    else if (next instanceof HTMLElement) next.focus();
    else return;
    event.preventDefault();
  }
}
