/** Which parameters a group is scheduled with: the defaults, changed by what was measured for groups of its shape class. */
import { isTrailing } from "./domain.ts";
import type { Group } from "./group.ts";
import type { Fusion } from "./grouping.ts";
import type { ScheduleParameters } from "./parameters.ts";
import { depthIsContiguous } from "./schedules/contraction.ts";
import { productOf } from "./schedules/product.ts";

/** What was found fastest, by shape class. */
export type TuningTable = ReadonlyMap<string, Partial<ScheduleParameters>>;

/** Chooses for the groups of one program. */
export class ParameterChoice {
  readonly #defaults: ScheduleParameters;
  readonly #table: TuningTable;
  readonly #fusions = new WeakMap<Group, Fusion>();
  readonly #chosen = new Map<string, ScheduleParameters>();

  constructor(defaults: ScheduleParameters, table: TuningTable) {
    this.#defaults = defaults;
    this.#table = table;
  }

  /** Makes a fusion's groups known. */
  readonly add = (fusion: Fusion): Fusion => {
    if (this.#table.size > 0) for (const group of fusion.groups) this.#fusions.set(group, fusion);
    return fusion;
  };

  readonly for = (group: Group): ScheduleParameters => {
    const fusion = this.#fusions.get(group);
    const shapeClass = fusion && shapeClassOf(group, fusion);
    const found = shapeClass === undefined ? undefined : this.#table.get(shapeClass);
    if (shapeClass === undefined || !found) return this.#defaults;
    let chosen = this.#chosen.get(shapeClass);
    if (!chosen) this.#chosen.set(shapeClass, (chosen = { ...this.#defaults, ...found }));
    return chosen;
  };
}

/** Sizes that are scheduled alike: powers of two, small ones exactly. */
const bucket = (size: number): string => (size <= 8 ? `${size}` : `2^${Math.ceil(Math.log2(size))}`);

/**
 * Groups with one answer to what is fastest: kind, dtypes, sizes by powers of two, and how operands lie.
 * Undefined for kinds that have nothing to choose.
 */
export function shapeClassOf(group: Group, fusion: Fusion): string | undefined {
  const dtypes = (vars: Iterable<{ readonly aval: { readonly dtype: string } }>): string =>
    [...new Set([...vars].map((v) => v.aval.dtype))].sort().join("+");
  const { domain } = group;
  const memory = `${dtypes(group.reads)}->${dtypes(group.writes)}`;
  switch (group.kind) {
    case "map":
      return `map ${memory} reads ${bucket(group.reads.size)} size ${bucket(domain.rows)}`;
    case "reduce": {
      const order = isTrailing(domain) ? "rows" : "columns";
      return `reduce ${memory} ${order} ${bucket(domain.rows)}x${bucket(domain.columns)}`;
    }
    case "contraction": {
      const product = productOf(group);
      const { rowSide, columnSide, rows, columns, depth, batch } = product;
      const lies = (side: typeof rowSide, free: number): string =>
        depthIsContiguous(fusion.access, product, side, free) ? "k" : "n";
      const aligned = `${columns % 4 === 0 ? "c4" : ""}${depth % 4 === 0 ? "k4" : ""}`;
      const sizes = [batch, rows, depth, columns].map(bucket).join("x");
      return `contraction ${rowSide.atom.aval.dtype}${lies(rowSide, rows)}·${columnSide.atom.aval.dtype}${lies(columnSide, columns)}->${dtypes(group.writes)} ${sizes} ${aligned}`;
    }
    default:
      return undefined;
  }
}
