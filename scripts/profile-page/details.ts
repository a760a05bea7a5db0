/** What a kernel is made from and what it became, beside its figures. */
import { h } from "./dom.ts";
import { change, figure, percent } from "./format.ts";
import type { Row } from "./rows.ts";

const tabs = [
  ["jaxpr", "jaxpr"],
  ["kernel", "kernel IR"],
  ["wgsl", "WGSL"],
] as const;
type Tab = (typeof tabs)[number][0];

export class Details {
  readonly root: HTMLDialogElement;
  readonly #content = h("div");
  #tab: Tab = "jaxpr";

  constructor() {
    this.root = h("dialog", { id: "details", "aria-label": "kernel" }, this.#content);
    // A click beside the dialog is one on its backdrop.
    this.root.addEventListener("click", (event) => event.target === this.root && this.root.close());
  }

  open(row: Row): void {
    this.#show(row);
    if (!this.root.open) this.root.showModal();
  }

  #show(row: Row): void {
    const { kernel, run, other, gone } = row;
    const text = run.texts[kernel.texts[this.#tab]] || "Nothing: no kernel of this library.";
    const choose = (tab: Tab): void => {
      this.#tab = tab;
      this.#show(row);
      this.root.querySelector<HTMLElement>(`[data-tab="${tab}"]`)?.focus();
    };
    const step = (event: Event): void => {
      const by = { ArrowRight: 1, ArrowLeft: tabs.length - 1 }[(event as KeyboardEvent).key];
      const at = tabs.findIndex(([tab]) => tab === this.#tab);
      if (by !== undefined) choose(tabs[(at + by) % tabs.length][0]);
    };
    const figures: readonly (readonly [string, string])[] = [
      ["program", kernel.program],
      ["scope", kernel.scope || "–"],
      ["line", kernel.site || "–"],
      ["fused", kernel.operations.join(", ") || "–"],
      ["schedule", kernel.schedule || "–"],
      [
        "device time",
        `${kernel.count} × ${figure(kernel.meanMs)} ms = ${figure(kernel.elapsedMs)} ms, ${percent(kernel.share)}`,
      ],
      ["rates", `${figure(kernel.gigabytesPerSecond)} GB/s, ${figure(kernel.gigaflopsPerSecond)} GFLOP/s`],
      ["of roof", kernel.shareOfRoof === null ? "not measured" : `${percent(kernel.shareOfRoof)} of ${kernel.boundBy}`],
    ];
    const against: readonly (readonly [string, string])[] =
      other && !gone
        ? [["other run", `${figure(other.elapsedMs)} ms, change ${change(other.elapsedMs, kernel.elapsedMs)}`]]
        : [];
    this.#content.replaceChildren(
      h(
        "header",
        {},
        h("h2", {}, kernel.name),
        h("button", { type: "button", "aria-label": "close", onclick: () => this.root.close() }, "×"),
      ),
      h("dl", {}, ...[...figures, ...against].flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      h(
        "div",
        { role: "tablist", onkeydown: step },
        ...tabs.map(([tab, title]) =>
          h(
            "button",
            {
              type: "button",
              role: "tab",
              "data-tab": tab,
              "aria-selected": `${tab === this.#tab}`,
              tabindex: tab === this.#tab ? 0 : -1,
              onclick: () => choose(tab),
            },
            title,
          ),
        ),
      ),
      h("pre", { role: "tabpanel", tabindex: 0 }, text),
    );
  }
}
