/** The mapped axes that collectives may name, innermost last. */

import { describe } from "../base/describe.ts";
import { ShardingError } from "../base/errors.ts";

interface NamedAxis {
  readonly name: string | undefined;
  readonly size: number;
  readonly checksVarying?: boolean;
  /** Of a mesh, by `shardMap`. */
  readonly ofDevices?: boolean;
}

let axes: readonly NamedAxis[] = [];

/** Runs `f` within a mapped axis; one without a name cannot be named. */
export function withAxisName<T>(axis: NamedAxis, f: () => T): T {
  const outer = axes;
  axes = [...axes, axis];
  try {
    return f();
  } finally {
    axes = outer;
  }
}

/** @throws ShardingError if no axis of that name is mapped over */
export function sizeOfAxis(op: string, name: string): number {
  const found = axes.findLast((axis) => axis.name === name);
  if (found) return found.size;
  const known = axes.flatMap((axis) => axis.name ?? []);
  throw new ShardingError(
    `${op}: unbound axis name; got ${describe(name)}, bound are ${known.length > 0 ? known.join(", ") : "none"}. Axes are named by vmap's axisName, and within shardMap by the mesh`,
  );
}

/** Whether it is checked which values vary along an axis. */
export const checksVarying = (name: string): boolean =>
  axes.findLast((axis) => axis.name === name)?.checksVarying ?? false;

/** The first of some mesh axes that a `shardMap` maps over here; undefined if it maps over none of them. */
export const mappedByShardMap = (names: readonly string[]): string | undefined =>
  names.find((name) => axes.some((axis) => axis.ofDevices && axis.name === name));

/** The named axes as text: what a trace that may name them depends on. */
export const boundAxes = (): string =>
  axes
    .flatMap(({ name, size, checksVarying }) =>
      name === undefined ? [] : `${name}=${size}${checksVarying ? "!" : ""}`,
    )
    .join();
