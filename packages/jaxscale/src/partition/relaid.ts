/** Moving a device's part of an array from one layout to another. */
import type { Part } from "../primitives/primitive.ts";
import { ops } from "../transforms/jaxpr-transforms.ts";
import { type AxisSizes, commonPrefix, type Layout } from "./layout.ts";

/**
 * The part in another layout. What is split in both the same way stays. An axis that goes from one dimension to another is one
 * exchange of parts; others are gathered, and new ones cut, which moves nothing.
 */
export function relaid({ value, layout }: Part, wanted: Layout, sizes: AxisSizes): Part {
  const now = layout.map((axes) => [...axes]);
  let out = value;
  const along = (name: string) => ({ axes: [name], axisSize: sizes.get(name) as number });
  for (const [dimension, axes] of now.entries()) {
    const kept = commonPrefix(layout[dimension], wanted[dimension]).length;
    while (axes.length > kept) {
      const name = axes.pop() as string;
      const to = wanted.findIndex(
        (next, d) => d !== dimension && next[now[d].length] === name && startsWith(next, now[d]),
      );
      if (to >= 0) {
        now[to].push(name);
        const exchange = { ...along(name), splitAxis: to, concatAxis: dimension, tiled: true };
        out = ops.bind1("all_to_all", [out], exchange);
      } else {
        out = ops.bind1("all_gather", [out], { ...along(name), dimension, tiled: true });
      }
    }
  }
  for (const [dimension, axes] of now.entries())
    for (const name of wanted[dimension].slice(axes.length))
      out = ops.bind1("own_part", [out], { ...along(name), dimension });
  return { value: out, layout: wanted };
}

const startsWith = (axes: readonly string[], start: readonly string[]): boolean =>
  commonPrefix(start, axes).length === start.length;
