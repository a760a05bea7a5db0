/** The page of a profile, run in a browser: one run, or two side by side. */
import type { RunData } from "../../packages/jaxscale/src/profile/run-data.ts";
import { Details } from "./details.ts";
import { h, section } from "./dom.ts";
import { bytes, change, figure, percent } from "./format.ts";
import { icicle } from "./icicle.ts";
import { KernelTable } from "./kernel-table.ts";
import { memoryPlot } from "./memory-plot.ts";
import { roofline } from "./roofline.ts";
import { pairRows } from "./rows.ts";
import { themeButton } from "./theme.ts";

const runs = JSON.parse(document.getElementById("data")?.textContent ?? "[]") as RunData[];
let [run, other] = [0, runs.length > 1 ? 1 : -1];

const details = new Details();
const table = new KernelTable((row) => details.open(row));
const main = h("main");

function render(): void {
  const [a, b] = [runs[run], runs[other]];
  const rows = pairRows(a, b);
  const both = b ? [a, b] : [a];
  const widthMs = Math.max(...both.map(({ elapsedMs }) => elapsedMs), 1e-9);
  const mostBytes = Math.max(...both.map(({ memory }) => Math.max(memory.peakBytes, ...memory.poolBytes)), 1);
  const open = details.open.bind(details);
  const choose = (words: string): void => {
    table.filter(words);
    table.root.scrollIntoView({ block: "nearest" });
  };
  table.show(rows, b !== undefined);
  main.replaceChildren(
    summary(a, b),
    section(
      "roofline",
      "Roofline",
      a.roofs
        ? `Roofs measured on this adapter: ${figure(a.roofs.gigabytesPerSecond)} GB/s, ${figure(a.roofs.gigaflopsPerSecond)} GFLOP/s. Kernels that compute nothing are left out.`
        : "The adapter's roofs were not measured.",
      roofline(rows, a.roofs, open),
    ),
    section(
      "scopes",
      "Device time by scope",
      `Program, scopes, kernels; ${a.roofs ? "the colour is the share of the roof, weighted by time. " : ""}A click filters the table, or opens a kernel.`,
      ...both.flatMap((data, i) => [
        b ? h("h3", {}, data.name) : undefined,
        icicle(i === 0 ? rows.filter(({ gone }) => !gone) : pairRows(data, undefined), {
          open,
          choose,
          widthMs,
          hasRoofs: data.roofs !== null,
        }),
      ]),
    ),
    section("table", "Kernels", "A click on a heading sorts; a click on a kernel, or Enter, opens it.", table.root),
    section(
      "memory",
      "Device memory by owner",
      "What is in use, by who holds it; dashed: what the pool has, with what is kept for reuse. Drag to look closer.",
      h(
        "div",
        { class: "columns" },
        ...both.map((data) => h("div", {}, b ? h("h3", {}, data.name) : undefined, memoryPlot(data.memory, mostBytes))),
      ),
    ),
    section(
      "host",
      "Host",
      "Spans by phase; one within another counts in both.",
      h("div", { class: "columns" }, ...both.map((data) => hostTable(data, b !== undefined))),
    ),
  );
}

function summary(a: RunData, b: RunData | undefined): HTMLElement {
  const figures: readonly (readonly [string, (data: RunData) => string, ((data: RunData) => number)?])[] = [
    ["adapter", (data) => data.adapter],
    ["device time", (data) => `${figure(data.elapsedMs)} ms`, (data) => data.elapsedMs],
    ["wall time", (data) => `${figure(data.wallMs)} ms`, (data) => data.wallMs],
    ["device busy", (data) => percent(data.elapsedMs / data.wallMs)],
    ["peak of memory", (data) => bytes(data.memory.peakBytes), (data) => data.memory.peakBytes],
    ["dispatches", (data) => `${data.kernels.reduce((n, k) => n + k.count, 0)}`],
  ];
  const cards = figures.map(([name, text, value]) =>
    h(
      "div",
      { class: "card" },
      h("span", {}, name),
      h("strong", {}, text(a)),
      b && h("small", {}, `${text(b)}${value ? `, change ${change(value(b), value(a))}` : ""}`),
    ),
  );
  const alone = [a, b].find((data) => data?.clock === "submits");
  return h(
    "section",
    { id: "summary", "aria-label": "summary" },
    h("div", { class: "cards" }, ...cards),
    alone &&
      h(
        "p",
        { class: "warning" },
        `The adapter of ${alone.name} has no timestamps: each dispatch was a submit of its own, timed by the host.`,
      ),
  );
}

function hostTable({ name, host }: RunData, named: boolean): HTMLElement {
  const heading = h(
    "tr",
    {},
    ...["phase", "of", "count", "ms", "moved"].map((text) => h("th", { scope: "col" }, text)),
  );
  const lines = host
    .slice(0, 40)
    .map((total) =>
      h(
        "tr",
        {},
        h("td", {}, total.phase),
        h("td", {}, total.name),
        h("td", { class: "number" }, `${total.count}`),
        h("td", { class: "number" }, figure(total.elapsedMs)),
        h("td", { class: "number" }, total.bytes > 0 ? bytes(total.bytes) : ""),
      ),
    );
  return h(
    "div",
    { class: "scroll" },
    named ? h("h3", {}, name) : undefined,
    h("table", {}, h("thead", {}, heading), h("tbody", {}, ...lines)),
  );
}

/** Which run is looked at, and which stands beside it. */
function header(): HTMLElement {
  const select = (id: string, label: string, chosen: number, none: boolean, change: (to: number) => void) => {
    const options = runs.map(({ name }, i) => h("option", { value: i, selected: i === chosen }, name));
    if (none) options.unshift(h("option", { value: -1, selected: chosen < 0 }, "nothing"));
    const element = h("select", { id, onchange: () => change(Number(element.value)) }, ...options);
    return h("label", {}, `${label} `, element);
  };
  const file = h("input", {
    id: "add",
    type: "file",
    accept: ".json",
    onchange: async () => {
      const text = await file.files?.[0]?.text();
      if (text === undefined) return;
      other = runs.push(JSON.parse(text) as RunData) - 1;
      restart();
    },
  });
  return h(
    "header",
    { id: "head" },
    h("h1", {}, "JaxScale profile"),
    select("run", "run", run, false, (to) => {
      run = to;
      render();
    }),
    select("other", "beside", other, true, (to) => {
      other = to;
      render();
    }),
    h("label", { title: "profile.json of another run" }, "add a run ", file),
    themeButton(render),
  );
}

function restart(): void {
  document.body.replaceChildren(header(), main, details.root);
  render();
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target instanceof HTMLInputElement) return;
  event.preventDefault();
  table.focusFilter();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", render);
restart();
