/** Device memory over time, the owners' shares on top of each other, and what the pool has. */
import uPlot from "uplot";
import type { MemorySeries } from "../../packages/jaxscale/src/profile/memory-series.ts";
import { colour, h } from "./dom.ts";
import { bytes } from "./format.ts";
import { axis, resizing } from "./roofline.ts";

const powersOfTwo = Array.from({ length: 50 }, (_, i) => 2 ** i);

export function memoryPlot({ timesMs, owners, poolBytes, peakBytes }: MemorySeries, mostBytes: number): HTMLElement {
  const target = h("div", { class: "plot" });
  const caption = h("p", { class: "note" }, `peak ${bytes(peakBytes)} in use`);
  if (timesMs.length === 0) return h("div", {}, caption);
  const held = owners.filter(({ bytes: all }) => all.some((value) => value > 0));
  // The largest at the bottom; uPlot draws sums, those further up first.
  const sums: number[][] = [];
  held.forEach(({ bytes: own }, i) => sums.push(own.map((value, at) => value + (sums[i - 1]?.[at] ?? 0))));
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const series = held.map(({ name, bytes: own }, i): uPlot.Series => {
    const stroke = colour(`owner-${i % 10}`);
    return {
      label: name,
      stroke,
      fill: stroke,
      width: 1,
      paths: stepped,
      points: { show: timesMs.length === 1 },
      value: (_plot, _value, _series, at) => (at === null ? "" : bytes(own[at])),
    };
  });
  const pool: uPlot.Series = {
    label: "pool",
    stroke: colour("text"),
    dash: [4, 4],
    width: 1.5,
    paths: stepped,
    points: { show: false },
    value: (_plot, value) => (value === null ? "" : bytes(value)),
  };
  const plot = new uPlot(
    {
      width: 480,
      height: 260,
      scales: { x: { time: false }, y: { range: [0, 1.05 * mostBytes] } },
      axes: [axis("ms"), { ...axis("", 80, (_plot, splits) => splits.map(bytes)), incrs: powersOfTwo }],
      series: [{ label: "ms" }, ...[...series].reverse(), pool],
      cursor: { drag: { x: true, y: false } },
    },
    [[...timesMs], ...sums.reverse(), [...poolBytes]],
    target,
  );
  resizing(plot, target);
  return h("div", {}, caption, target);
}
