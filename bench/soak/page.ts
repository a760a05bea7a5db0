/** A soak as a page: a plot a series, with the line that was judged. */
import * as Plot from "@observablehq/plot";
import { svg } from "../plot.ts";
import { shown } from "../report.ts";
import { median } from "../statistics.ts";
import type { Growth, Series } from "./growth.ts";

export type Judged = Series & Growth;

/** Such as "pipelines grow: 12 more from 60 s to 300 s, where 0 are allowed". */
export function growthSentence({ name, unit, seconds, growth, allowed, slope }: Judged): string {
  const [first, last] = [seconds[0], seconds[seconds.length - 1]];
  const of = (value: number): string => `${shown(value)}${unit && ` ${unit}`}`;
  return `${name} grows: by ${of(growth)} from ${first.toFixed(0)} s to ${last.toFixed(0)} s, ${of(3600 * slope)} an hour, where ${of(allowed)} is allowed`;
}

function plotSeries({ name, unit, seconds, values, slope, isGrowing }: Judged): string {
  const points = seconds.map((x, i) => ({ x, y: values[i] }));
  // Through the middle of the points.
  const [x0, y0] = [median(seconds), median(values)];
  const line = [seconds[0], seconds[seconds.length - 1]].map((x) => ({ x, y: y0 + slope * (x - x0) }));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  // A series that does not move is a line in the middle, not noise over all of the height.
  const room = Math.max(0.05 * Math.abs(high), high - low, 1e-3) * 0.2;
  return svg({
    width: 760,
    height: 190,
    marginLeft: 70,
    x: { label: "seconds", grid: true },
    y: { label: unit ? `${name}, ${unit}` : name, grid: true, domain: [low - room, high + room] },
    marks: [
      Plot.dot(points, { x: "x", y: "y", r: 2, fill: "#4269d0", fillOpacity: 0.7 }),
      Plot.line(line, { x: "x", y: "y", stroke: isGrowing ? "#d62728" : "#222", strokeWidth: 2 }),
    ],
  });
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** One self-contained file. */
export function soakPage({
  title,
  adapter,
  judged,
}: {
  readonly title: string;
  readonly adapter: string;
  readonly judged: readonly Judged[];
}): string {
  const parts = judged.map((one) => {
    const verdict = one.isGrowing
      ? growthSentence(one)
      : `${one.name} is steady: ${shown(one.growth)} ${one.unit} more at the end of the line, ${shown(one.allowed)} allowed`;
    return `<figure>\n${plotSeries(one)}<figcaption${one.isGrowing ? ' class="grows"' : ""}>${escaped(verdict)}</figcaption>\n</figure>`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Soak</title>
<style>
  body { font: 14px system-ui, sans-serif; color: #222; background: white; max-width: 800px; margin: 2em auto; }
  figure { margin: 1.5em 0; }
  .grows { color: #b00; font-weight: bold; }
</style>
<h1>Soak</h1>
<p>${escaped(title)}</p>
<p>${escaped(adapter)}</p>
${parts.join("\n")}
</html>
`;
}
