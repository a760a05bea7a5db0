/** When a result agrees with a golden one: the rules of the fixtures' README. */
import { isFloat, rangeOf } from "../../packages/jaxscale/src/base/dtypes.ts";
import { formatShape, sameShape, stridesOf } from "../../packages/jaxscale/src/base/shapes.ts";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import type { Case } from "./fixtures.ts";

/** What differs, in a line; undefined if nothing does. */
export function difference(got: HostTensor, want: HostTensor, { exact, tolerance, tags }: Case): string | undefined {
  if (got.dtype !== want.dtype) return `dtype ${got.dtype}, wanted ${want.dtype}`;
  if (!sameShape(got.shape, want.shape)) return `shape ${formatShape(got.shape)}, wanted ${formatShape(want.shape)}`;
  const float = isFloat(want.dtype);
  const bound = float && !exact && tolerance ? tolerance : { abs: 0, rel: 0 };
  const openZeroSign = tags?.includes("zero-sign") ?? false;
  const flushed = smallestNormal(want.dtype);
  let worst: { at: number; excess: number } | undefined;
  let wrong = 0;
  for (let i = 0; i < want.values.length; i++) {
    const [g, w] = [got.values[i], want.values[i]];
    if (float ? agree(g, w, bound, openZeroSign || !exact, flushed) : g === w) continue;
    wrong++;
    const excess = Number.isFinite(g - w) ? Math.abs(g - w) : Number.POSITIVE_INFINITY;
    if (!worst || excess > worst.excess) worst = { at: i, excess };
  }
  if (!worst) return undefined;
  const { at } = worst;
  return `${wrong} of ${want.values.length} differ, worst at [${indexOf(at, want.shape)}]: got ${text(got.values[at])}, wanted ${text(want.values[at])}`;
}

function agree(
  got: number,
  want: number,
  { abs, rel }: { readonly abs: number; readonly rel: number },
  openZeroSign: boolean,
  flushed: number,
): boolean {
  if (Number.isNaN(want) || Number.isNaN(got)) return Number.isNaN(want) && Number.isNaN(got);
  if (Object.is(got, want)) return true;
  // A denormal may stand for a zero of either sign, and the reverse; two zeros of different sign differ.
  const [small, smallWant] = [Math.abs(got) < flushed, Math.abs(want) < flushed];
  if (small && smallWant && (got === 0) !== (want === 0)) return true;
  if (got === want) return got !== 0 || openZeroSign;
  if (!Number.isFinite(got) || !Number.isFinite(want)) return false;
  return Math.abs(got - want) <= abs + rel * Math.abs(want);
}

const smallestNormal = (dtype: HostTensor["dtype"]): number =>
  isFloat(dtype) ? (rangeOf(dtype).max < 1e5 ? 2 ** -14 : 2 ** -126) : 0;

const text = (x: number): string => (Object.is(x, -0) ? "-0" : String(x));
const indexOf = (linear: number, shape: readonly number[]): string =>
  stridesOf(shape)
    .map((stride, axis) => Math.floor(linear / stride) % shape[axis])
    .join(", ");
