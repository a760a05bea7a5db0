/** Where the tensors of a parameter lie. */
import { refused, shapeText } from "../checkpoint-error.ts";
import type { Located, Weights } from "./weights.ts";

/** A tensor on disk that is part of a stacked parameter. */
export interface TensorPart {
  readonly key: string;
  readonly shape: readonly number[];
}

/** The tensors on disk that form a stacked parameter, in byte order; undefined for other parameters. */
export type StackingRule = (name: string, shape: readonly number[]) => readonly TensorPart[] | undefined;

/** How parameters are put together. */
export interface ParameterParts {
  /** Parameters that are stacked from several tensors, unless the file has the whole tensor. */
  readonly stacked?: StackingRule;
}

/** The tensors of a parameter: one of its name, or those that it is stacked from. */
export function partsOf(
  name: string,
  shape: readonly number[],
  { tensors }: Weights,
  { stacked }: ParameterParts,
): readonly TensorPart[] {
  const whole = [{ key: name, shape }];
  return tensors.has(name) ? whole : (stacked?.(name, shape) ?? whole);
}

/** A part of a parameter in its file. @throws CheckpointError if it is missing or has another shape */
export function locate({ key, shape }: TensorPart, name: string, { tensors, location }: Weights): Located {
  const found = tensors.get(key);
  if (found === undefined) {
    const use = key === name ? "" : `, a part of ${name}`;
    throw refused({ file: location, key }, `must be there with shape ${shapeText(shape)}${use}`, "no such tensor");
  }
  if (found.shape.length !== shape.length || found.shape.some((n, axis) => n !== shape[axis]))
    throw refused({ file: found.file.name, key }, `must have shape ${shapeText(shape)}`, shapeText(found.shape));
  return found;
}
