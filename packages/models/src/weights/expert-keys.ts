/**
 * Experts one by one on disk, together in memory: `mlp.experts.gate_up_proj [E, 2·I, H]` (gate rows first) and
 * `mlp.experts.down_proj [E, H, I]`, from `mlp.experts.{e}.{gate,up,down}_proj.weight`.
 */

/** A tensor on disk that is a part of a parameter. */
export interface Part {
  readonly key: string;
  readonly shape: readonly number[];
}

/** The parts of a fused parameter in the order of its bytes; undefined if it is none. */
export function expertParts(name: string, shape: readonly number[]): readonly Part[] | undefined {
  const found = /^(.*\.mlp\.experts)\.(gate_up_proj|down_proj)$/.exec(name);
  if (found === null || shape.length !== 3) return undefined;
  const [, experts, kind] = found;
  const [count, rows, columns] = shape;
  const parts: Part[] = [];
  for (let e = 0; e < count; e++) {
    if (kind === "down_proj") parts.push({ key: `${experts}.${e}.down_proj.weight`, shape: [rows, columns] });
    else
      for (const half of ["gate_proj", "up_proj"])
        parts.push({ key: `${experts}.${e}.${half}.weight`, shape: [rows / 2, columns] });
  }
  return parts;
}
