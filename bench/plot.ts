/** Times as pictures: SVG by Observable Plot, which draws into a document that linkedom makes. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Measurement, SuiteRecord } from "./record.ts";
import { shown } from "./report.ts";
import { quantile } from "./statistics.ts";

/** Median and quartiles of something about a work. */
interface Range {
  readonly work: string;
  readonly group: string;
  readonly low: number;
  readonly middle: number;
  readonly high: number;
}

const rangeOf = (work: string, group: string, values: readonly number[]): Range => ({
  work,
  group,
  low: quantile(values, 0.25),
  middle: quantile(values, 0.5),
  high: quantile(values, 0.75),
});

const milliseconds = { s: 1000, ms: 1, µs: 1e-3 } as const;

/** A plot as the text of a file. @param options of `Plot.plot` */
export function svg(options: Plot.PlotOptions): string {
  const { document } = parseHTML("<html><body></body></html>");
  const drawn = Plot.plot({
    ...options,
    document: document as unknown as Document,
    // Readable on dark pages too.
    style: { background: "white", color: "#222", fontSize: "11px", ...(options.style as object) },
  });
  drawn.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${drawn.outerHTML}\n`;
}

/** A row a work, its label in the colour of its group behind it. */
function plotRanges(data: readonly Range[], { label, base, text }: RangePlot): string {
  const works = [...new Set(data.map(({ work }) => work))];
  return svg({
    width: 900,
    height: 70 + 26 * works.length,
    marginLeft: 350,
    marginRight: 120,
    x: { type: "log", grid: true, label, tickFormat: (value: number) => `${value}` },
    y: { type: "point", domain: works, label: null },
    marks: [
      ...(base === undefined ? [] : [Plot.ruleX([base])]),
      Plot.ruleY(data, { y: "work", x1: "low", x2: "high", stroke: "group", strokeWidth: 4, strokeOpacity: 0.4 }),
      Plot.dot(data, { x: "middle", y: "work", fill: "group", r: 4 }),
      Plot.text(data, { x: "middle", y: "work", text, fill: "group", dy: -9 }),
    ],
  });
}

interface RangePlot {
  readonly label: string;
  /** Where a line is drawn. */
  readonly base?: number;
  readonly text: (range: Range) => string;
}

/** How many times as fast as other systems: medians and quartiles of pairs that ran in turn. Undefined where there are none. */
export function plotAgainstOthers(suites: readonly SuiteRecord[]): string | undefined {
  const data = suites.flatMap(({ measurements }) =>
    measurements.flatMap(({ name, samples: { jaxscale: ours, ...others } }) =>
      Object.entries(others).flatMap(([system, theirs]) =>
        ours && system !== "stream" && !system.startsWith("own")
          ? [
              rangeOf(
                name,
                system,
                theirs.map((time, i) => time / ours[i]),
              ),
            ]
          : [],
      ),
    ),
  );
  if (data.length === 0) return undefined;
  return plotRanges(data, {
    label: "time of the other system / time of JaxScale",
    base: 1,
    text: ({ group }) => group,
  });
}

/** Median times with their quartiles. */
export function plotTimes(suites: readonly SuiteRecord[]): string {
  const data = suites.flatMap(({ name, measurements }) =>
    measurements.flatMap(({ name: work, unit, samples }: Measurement) =>
      samples.jaxscale
        ? [
            rangeOf(
              work,
              name,
              samples.jaxscale.map((time) => time * milliseconds[unit]),
            ),
          ]
        : [],
    ),
  );
  return plotRanges(data, { label: "ms", text: ({ group, middle }) => `${shown(middle)} (${group})` });
}
