/** Settings of rotary position embeddings, in both formats of config files. */
import { shown } from "../checkpoint-error.ts";
import type { Fields } from "../json/fields.ts";

/** Rotary embedding settings of a config. */
export interface RopeConfig {
  readonly theta: number;
  /** Rotated fraction of a head; `Math.trunc(headDim * factor)` dimensions. */
  readonly partialRotaryFactor: number;
}

/**
 * A non-empty `rope_scaling` (older files) replaces `rope_parameters` (newer ones); missing keys come from the top level, then from the
 * class. Theta defaults to 10000.
 * @param defaultFactor of the class, if `partial_rotary_factor` is missing
 * @throws CheckpointError for scaled variants, which these models do not use
 */
export function parseRope(fields: Fields, defaultFactor: number): RopeConfig {
  const scaling = fields.object("rope_scaling");
  const chosen = isEmpty(fields.raw("rope_scaling")) ? fields.object("rope_parameters") : scaling;
  if (chosen !== undefined) {
    const kind = chosen.raw("rope_type") ?? chosen.raw("type") ?? "default";
    if (kind !== "default") throw chosen.error("rope_type", 'must be "default"', shown(kind));
  }
  const theta = (chosen?.raw("rope_theta") ?? null) !== null ? chosen : fields;
  // A null key rotates the whole head; a missing one the default fraction of the class.
  const topFactor =
    fields.raw("partial_rotary_factor") === null ? 1 : fields.number("partial_rotary_factor", defaultFactor);
  return {
    theta: (theta ?? fields).number("rope_theta", 10000, { min: Number.MIN_VALUE }),
    partialRotaryFactor: chosen?.number("partial_rotary_factor", topFactor) ?? topFactor,
  };
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0);

/** Rotated dimensions of a head. @throws CheckpointError if they cannot be paired */
export function rotaryDim({ partialRotaryFactor }: RopeConfig, headDim: number, fields: Fields): number {
  const dim = Math.trunc(headDim * partialRotaryFactor);
  fields.require(
    dim > 0 && dim <= headDim && dim % 2 === 0,
    "partial_rotary_factor",
    `must leave an even number of the head's ${headDim} dimensions to rotate`,
    `${partialRotaryFactor}, so ${dim}`,
  );
  return dim;
}
