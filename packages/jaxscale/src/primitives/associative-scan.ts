/** Inclusive prefix combinations of several arrays at once, in log₂ n rounds of equations. */
import type { OpBuilder, Operand } from "./op-builder.ts";

type Elements = readonly Operand[];
export type CombineElements = (left: Elements, right: Elements) => Elements;

/**
 * As JAX's `associative_scan`: combines neighbours, scans the half as many results, fills in between.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.associative_scan.html
 */
export function scanAssociatively(
  ops: OpBuilder,
  combine: CombineElements,
  elements: Elements,
  axis: number,
): Elements {
  const count = elements[0].aval.shape[axis];
  if (count < 2) return elements;
  const every = (xs: Elements, start: number, limit?: number): Elements =>
    xs.map((x) => sliceAlong(ops, x, axis, start, limit ?? x.aval.shape[axis], 2));
  const reduced = combine(every(elements, 0, count - 1), every(elements, 1));
  const odd = scanAssociatively(ops, combine, reduced, axis);
  const before = count % 2 === 0 ? odd.map((x) => sliceAlong(ops, x, axis, 0, x.aval.shape[axis] - 1)) : odd;
  const rest = count > 2 ? combine(before, every(elements, 2)) : [];
  return elements.map((x, i) => {
    const first = sliceAlong(ops, x, axis, 0, 1);
    const even = rest.length > 0 ? ops.concatenate([first, rest[i]], axis) : first;
    return interleave(ops, even, odd[i], axis);
  });
}

function sliceAlong(ops: OpBuilder, x: Operand, axis: number, start: number, limit: number, stride = 1): Operand {
  const { shape } = x.aval;
  const starts = shape.map(() => 0).with(axis, start);
  const strides = stride === 1 ? null : shape.map(() => 1).with(axis, stride);
  return ops.slice(x, starts, shape.with(axis, limit), strides);
}

/** a₀, b₀, a₁, b₁, …; a may have one more. */
function interleave(ops: OpBuilder, a: Operand, b: Operand, axis: number): Operand {
  const [lengthA, lengthB] = [a, b].map((x) => x.aval.shape[axis]);
  const zero = ops.literal(0, a.aval.dtype);
  const config = (low: number, high: number) => a.aval.shape.map((_, i) => (i === axis ? [low, high, 1] : [0, 0, 0]));
  const paddedA = ops.pad(a, zero, config(0, lengthA === lengthB ? 1 : 0));
  const paddedB = ops.pad(b, zero, config(1, lengthA === lengthB ? 0 : 1));
  return ops.add(paddedA, paddedB);
}
