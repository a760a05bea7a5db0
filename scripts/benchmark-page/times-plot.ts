/** Times of every configuration, a series a file: medians as dots, quartiles as bars, a ring around what is worse. */
import uPlot from "uplot";
import { type ComparedTimes, type Comparison, hasTimes } from "../../packages/cli/src/compare/comparison-data.ts";
import { colour, h } from "../profile-page/dom.ts";
import { figure } from "../profile-page/format.ts";
import { axis, resizing } from "../profile-page/roofline.ts";

interface Point {
  readonly x: number;
  readonly times: ComparedTimes;
  readonly stroke: string;
}

/** Files of one configuration stand beside each other. */
const shift = (file: number, files: number): number => (0.5 * (file + 0.5)) / files - 0.25;

export function timesPlot({ files, configurations }: Comparison, part: "prefill" | "decode"): HTMLElement {
  const strokes = files.map((_, i) => colour(`owner-${i % 10}`));
  const timesAt = (configuration: number, file: number): ComparedTimes | undefined => {
    const cell = configurations[configuration].cells[file];
    return hasTimes(cell) ? cell[part] : undefined;
  };
  const points = configurations.flatMap((_, at) =>
    files.flatMap((_, file): Point[] => {
      const times = timesAt(at, file);
      return times ? [{ x: at + shift(file, files.length), times, stroke: strokes[file] }] : [];
    }),
  );
  const target = h("div", { class: "plot", tabindex: 0, role: "group", "aria-label": `times of ${part}` });
  const label = h("output", { class: "reading" });
  const most = Math.max(...points.map(({ times }) => times.high));
  const plot = new uPlot(
    {
      width: 900,
      height: 300,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: false } },
      scales: { x: { time: false, range: [-0.6, configurations.length - 0.4] }, y: { range: [0, 1.1 * most] } },
      axes: [
        {
          ...axis("configuration", undefined, (_plot, splits) =>
            splits.map((at) => (configurations[at] ? `${at + 1}` : "")),
          ),
          incrs: [1, 2, 5, 10, 20, 50, 100],
        },
        axis("ms", 70),
      ],
      // Drawn below: bars and dots of several files at one configuration.
      series: [{}, { label: part, paths: () => null, points: { show: false } }],
      hooks: { draw: [(plot) => points.forEach((point) => draw(plot, point))] },
    },
    [configurations.map((_, at) => at), configurations.map((_, at) => timesAt(at, 0)?.median ?? null)],
    target,
  );
  let chosen = -1;
  const choose = (at: number): void => {
    chosen = at;
    label.textContent =
      at < 0
        ? ""
        : `${at + 1}: ${configurations[at].name}: ${files
            .map(({ file }, i) => `${file} ${reading(timesAt(at, i))}`)
            .join("; ")}`;
  };
  plot.over.addEventListener("mousemove", ({ clientX }) => {
    const at = Math.round(plot.posToVal(clientX - plot.over.getBoundingClientRect().left, "x"));
    choose(configurations[at] ? at : -1);
  });
  target.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: configurations.length - 1 }[event.key];
    if (by === undefined) return;
    choose(chosen < 0 ? 0 : (chosen + by) % configurations.length);
    event.preventDefault();
  });
  resizing(plot, target);
  const legend = h(
    "p",
    { class: "note" },
    ...files.flatMap(({ file }, i) => [h("span", { style: `color: var(--owner-${i % 10})` }, "● "), `${file}  `]),
  );
  return h("div", {}, legend, target, label);
}

function reading(times: ComparedTimes | undefined): string {
  if (!times) return "–";
  const { median, low, high, change } = times;
  const verdict = change && change.verdict !== "noise" ? `, ${change.verdict}` : "";
  return `${figure(median)} ms (${figure(low)} to ${figure(high)})${change ? `, ${change.ratio.toFixed(2)} × first${verdict}` : ""}`;
}

function draw({ ctx, valToPos }: uPlot, { x, times, stroke }: Point): void {
  const at = (value: number): [number, number] => [valToPos(x, "x", true), valToPos(value, "y", true)];
  const size = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = stroke;
  ctx.fillStyle = stroke;
  ctx.lineWidth = 3 * size;
  ctx.beginPath();
  ctx.moveTo(...at(times.low));
  ctx.lineTo(...at(times.high));
  ctx.stroke();
  ctx.beginPath();
  ctx.arc(...at(times.median), 4 * size, 0, 2 * Math.PI);
  ctx.fill();
  if (times.change?.verdict === "worse") {
    ctx.strokeStyle = colour("worse");
    ctx.lineWidth = 2 * size;
    ctx.beginPath();
    ctx.arc(...at(times.median), 9 * size, 0, 2 * Math.PI);
    ctx.stroke();
  }
  ctx.restore();
}
