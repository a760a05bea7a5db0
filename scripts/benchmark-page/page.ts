/** The page of compared benchmarks, run in a browser: plots of times by configuration, and the table. */
import {
  type ComparedCell,
  type ComparedTimes,
  type Comparison,
  hasTimes,
} from "../../packages/cli/src/compare/comparison-data.ts";
import { h, section } from "../profile-page/dom.ts";
import { bytes, figure, percent } from "../profile-page/format.ts";
import { themeButton } from "../profile-page/theme.ts";
import { timesPlot } from "./times-plot.ts";

const comparison = JSON.parse(document.getElementById("data")?.textContent ?? "") as Comparison;
const { files, differences, configurations } = comparison;
const parts = ["prefill", "decode"] as const;
const main = h("main");

function render(): void {
  main.replaceChildren(
    filesSection(),
    ...parts.map((part) =>
      section(
        part,
        part === "prefill" ? "Prefill" : "Decoding, one step",
        "Median of the repeats in ms, with their quartiles; a ring: worse than the first file beyond noise. Point at a configuration, or use the arrow keys.",
        timesPlot(comparison, part),
      ),
    ),
    section(
      "table",
      "All configurations",
      "of first: median over the first file's; noise: what that may differ from 1 by chance, the larger spread of the two files' repeats.",
      h("div", { class: "scroll" }, table()),
    ),
  );
}

function filesSection(): HTMLElement {
  const cards = files.map(({ file, model, dtype, environment }, i) =>
    h(
      "div",
      { class: "card" },
      h("span", {}, i === 0 ? "first" : "against it"),
      h("strong", { style: `color: var(--owner-${i % 10})` }, file),
      h(
        "small",
        {},
        `${model}, ${dtype}; ${environment.adapter}; load ${environment.load.toFixed(1)}; ${environment.date}`,
      ),
    ),
  );
  return h(
    "section",
    { id: "files", "aria-label": "files" },
    h("div", { class: "cards" }, ...cards),
    ...differences.map((sentence) => h("p", { class: "warning" }, sentence)),
  );
}

const timesHead = (part: string): string[] => [`${part} ms`, "of first", "noise", ""];

function table(): HTMLElement {
  const titles = ["#", "configuration", "file", ...parts.flatMap(timesHead), "memory"];
  const heading = h("tr", {}, ...titles.map((title) => h("th", { scope: "col" }, title)));
  const lines = configurations.flatMap(({ name, cells }, at) =>
    cells.map((cell, i) =>
      h("tr", {}, number(`${at + 1}`), h("td", {}, name), h("td", {}, files[i].file), ...cellsOf(cell)),
    ),
  );
  return h("table", { id: "times" }, h("thead", {}, heading), h("tbody", {}, ...lines));
}

const number = (text: string): HTMLElement => h("td", { class: "number" }, text);

function cellsOf(cell: ComparedCell | null): HTMLElement[] {
  if (!hasTimes(cell)) return [h("td", { colspan: 9 }, cell?.error ?? "not measured")];
  return [...parts.flatMap((part) => timesCells(cell[part])), number(bytes(cell.peakBytes))];
}

function timesCells({ median, change }: ComparedTimes): HTMLElement[] {
  if (!change) return [number(figure(median)), number("–"), number("–"), h("td")];
  const { ratio, noise, verdict } = change;
  return [
    number(figure(median)),
    number(ratio.toFixed(2)),
    number(noise === null ? "one repeat" : percent(noise)),
    h("td", { class: verdict }, verdict === "noise" ? "" : verdict),
  ];
}

document.body.replaceChildren(
  h("header", { id: "head" }, h("h1", {}, "JaxScale benchmarks"), themeButton(render)),
  main,
);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", render);
render();
