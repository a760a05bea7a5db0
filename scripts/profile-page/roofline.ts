/** Each kernel's arithmetic intensity and rate, below the roofs of the adapter. */
import uPlot from "uplot";
import { colour, h } from "./dom.ts";
import { figure, percent } from "./format.ts";
import type { Row } from "./rows.ts";

interface Point {
  /** FLOP a byte. */
  readonly intensity: number;
  /** GFLOP/s. */
  readonly rate: number;
  readonly row: Row;
  readonly series: "run" | "other";
}

interface Roofs {
  readonly gigabytesPerSecond: number;
  readonly gigaflopsPerSecond: number;
}

const pointOf = (row: Row, series: Point["series"]): Point[] => {
  const kernel = series === "run" ? row.kernel : row.other;
  if (!kernel || kernel.flops === 0 || kernel.bytes === 0 || kernel.elapsedMs === 0) return [];
  if (series === "run" && row.gone) return [];
  return [{ intensity: kernel.flops / kernel.bytes, rate: kernel.gigaflopsPerSecond, row, series }];
};

/** @param open called for the kernel whose point is clicked or entered */
export function roofline(rows: readonly Row[], roofs: Roofs | null, open: (row: Row) => void): HTMLElement {
  const points = (["run", "other"] as const).flatMap((series) => rows.flatMap((row) => pointOf(row, series)));
  points.sort((a, b) => a.intensity - b.intensity);
  const target = h("div", { class: "plot", tabindex: 0, role: "application", "aria-label": plotHelp });
  const label = h(
    "output",
    { class: "reading" },
    points.length === 0 ? "no kernel computes and moves anything" : plotHelp,
  );
  const root = h("div", {}, target, label);
  if (points.length === 0) return root;
  const [low, high] = [points[0].intensity / 3, points[points.length - 1].intensity * 3];
  const ridge = roofs ? roofs.gigaflopsPerSecond / roofs.gigabytesPerSecond : low;
  const left = Math.min(low, ridge / 4);
  const right = Math.max(high, ridge * 4);
  const roof = (x: number): number =>
    roofs ? Math.min(roofs.gigaflopsPerSecond, x * roofs.gigabytesPerSecond) : Number.NaN;
  const xs = [...new Set([left, ridge, right, ...points.map(({ intensity }) => intensity)])].sort((a, b) => a - b);
  const spread = spreadEqual(points, xs);
  const data: uPlot.AlignedData = [
    spread.xs,
    spread.xs.map((x) => (roofs && [left, ridge, right].includes(x) ? roof(x) : null)),
    spread.run,
    spread.other,
  ];
  let chosen = -1;
  const hasOther = points.some(({ series }) => series === "other");
  const options: uPlot.Options = {
    width: 640,
    height: 360,
    scales: { x: { time: false, distr: 3, range: () => [left, right] }, y: { distr: 3 } },
    axes: [axis("FLOP / byte", 50, decades), axis("GFLOP/s", 60, decades)],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { show: false } },
    series: [
      {},
      { label: "roofs", stroke: colour("roof"), width: 2, points: { show: false }, spanGaps: true },
      dots("this run", colour("run")),
      dots("other run", hasOther ? colour("other") : "transparent"),
    ],
    hooks: {
      draw: [
        (plot) => {
          if (chosen < 0) return;
          const { intensity, rate } = points[chosen];
          plot.ctx.strokeStyle = colour("text");
          plot.ctx.lineWidth = 2 * devicePixelRatio;
          plot.ctx.beginPath();
          const [x, y] = [plot.valToPos(intensity, "x", true), plot.valToPos(rate, "y", true)];
          plot.ctx.arc(x, y, 7 * devicePixelRatio, 0, 2 * Math.PI);
          plot.ctx.stroke();
        },
      ],
    },
  };
  const plot = new uPlot(options, data, target);
  const choose = (index: number): void => {
    chosen = index;
    plot.redraw(false);
    const point = points[index];
    label.textContent = point ? reading(point) : plotHelp;
  };
  const nearest = (event: MouseEvent): number => {
    const box = plot.over.getBoundingClientRect();
    const distances = points.map(({ intensity, rate }) =>
      Math.hypot(
        plot.valToPos(intensity, "x") - (event.clientX - box.left),
        plot.valToPos(rate, "y") - (event.clientY - box.top),
      ),
    );
    const best = distances.indexOf(Math.min(...distances));
    return distances[best] < 24 ? best : -1;
  };
  plot.over.addEventListener("mousemove", (event) => choose(nearest(event)));
  plot.over.addEventListener("click", (event) => {
    const point = points[nearest(event)];
    if (point) open(point.row);
  });
  target.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: points.length - 1 }[event.key];
    if (by !== undefined) choose(chosen < 0 ? 0 : (chosen + by) % points.length);
    else if (event.key === "Enter" && chosen >= 0) open(points[chosen].row);
    else return;
    event.preventDefault();
  });
  resizing(plot, target);
  return root;
}

const plotHelp = "Point at a kernel, or use the arrow keys; click or Enter opens it.";

const reading = ({ intensity, rate, row, series }: Point): string =>
  `${row.kernel.name}${row.kernel.scope ? ` in ${row.kernel.scope}` : ""}${series === "other" ? " (other run)" : ""}: ${figure(intensity)} FLOP/byte, ${figure(rate)} GFLOP/s, ${percent((series === "run" ? row.kernel : row.other)?.shareOfRoof ?? null)} of roof`;

/** Points of equal intensity take a place each, next to each other. */
function spreadEqual(points: readonly Point[], xs: readonly number[]) {
  const places = new Map<number, { run: number[]; other: number[] }>(xs.map((x) => [x, { run: [], other: [] }]));
  for (const { intensity, rate, series } of points) places.get(intensity)?.[series].push(rate);
  const columns = [...places].flatMap(([x, { run, other }]) =>
    Array.from({ length: Math.max(1, run.length, other.length) }, (_, i) => ({
      x,
      run: run[i] ?? null,
      other: other[i] ?? null,
    })),
  );
  return {
    xs: columns.map(({ x }) => x),
    run: columns.map(({ run }) => run),
    other: columns.map(({ other }) => other),
  };
}

const dots = (label: string, stroke: string): uPlot.Series => ({
  label,
  stroke,
  paths: () => null,
  points: { show: true, size: 9, fill: stroke, stroke },
});

/** An axis in the page's colours. */
export const axis = (label: string, size?: number, values?: uPlot.Axis.Values): uPlot.Axis => ({
  label,
  ...(size !== undefined && { size }),
  ...(values && { values }),
  stroke: colour("text"),
  grid: { stroke: colour("line"), width: 1 },
  ticks: { stroke: colour("line"), width: 1 },
});

/** Labels of a logarithmic axis, of which some splits have none. */
const decades = (_plot: uPlot, splits: readonly (number | null)[]): string[] =>
  splits.map((value) => (value === null ? "" : `${Number(value.toPrecision(2))}`));

/** Keeps a plot as wide as its place. */
export function resizing(plot: uPlot, target: HTMLElement): void {
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width > 0) plot.setSize({ width: contentRect.width, height: plot.height });
  }).observe(target);
}
