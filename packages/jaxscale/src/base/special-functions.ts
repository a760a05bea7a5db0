/** Special functions in double precision, from their series and continued fractions. @see https://dlmf.nist.gov */

/** DLMF 7.6.2 near 0, a series of one sign; 1 - erfc further out. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(x) || x === 0) return x;
  if (size >= 2.5) return Math.sign(x) * (1 - erfcTail(size));
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

export const erfc = (x: number): number => (x >= 1.5 ? erfcTail(x) : 1 - erf(x));

/** DLMF 7.9.1, evaluated from the far end; for x >= 1.5 and 120 levels exact to the last digits. */
function erfcTail(x: number): number {
  if (x > 28) return 0;
  let fraction = x;
  for (let n = 120; n >= 1; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}

/** Halley's iteration, on erf near 0 and on erfc in the tails, where erf has no digits left. */
export function erfInv(y: number): number {
  const size = Math.abs(y);
  if (!(size <= 1)) return Number.NaN;
  if (size === 1) return y * Infinity;
  if (y === 0) return y;
  const tail = 1 - size;
  let x = size < 0.5 ? (Math.sqrt(Math.PI) / 2) * size : Math.sqrt(Math.max(-Math.log(tail * Math.sqrt(Math.PI)), 0.1));
  for (let i = 0; i < 12; i++) {
    const error = size < 0.5 ? erf(x) - size : tail - erfc(x);
    const step = error / ((2 / Math.sqrt(Math.PI)) * Math.exp(-x * x));
    const next = x - step / (1 + x * step);
    if (Math.abs(next - x) <= 1e-16 * x) break;
    x = next;
  }
  return Math.sign(y) * x;
}

/** B(2n) / (2n (2n - 1)): Stirling's series, DLMF 5.11.1. */
const stirling = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156];
/** B(2n) / 2n: its derivative's, DLMF 5.11.2. */
const digammaSeries = [1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12];
/** From here on seven terms of either series give double precision. */
const farEnough = 12;

/** log |Γ(x)|: reflected to x >= 0.5, moved up by the recurrence, then Stirling's series. */
export function lgamma(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) === Infinity || (x <= 0 && Number.isInteger(x))) return Infinity;
  if (x < 0.5) return Math.log(Math.PI / Math.abs(sinPi(x))) - lgamma(1 - x);
  let product = 1;
  let z = x;
  for (; z < farEnough; z++) product *= z;
  const series = polynomial(stirling, 1 / (z * z)) / z;
  return (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series - Math.log(product);
}

/** The logarithmic derivative of Γ: reflected, moved up, then its asymptotic series. */
export function digamma(x: number): number {
  if (x === Infinity) return x;
  if (!Number.isFinite(x) || (x <= 0 && Number.isInteger(x))) return Number.NaN;
  if (x < 0) return digamma(1 - x) - Math.PI * (sinPi(x + 0.5) / sinPi(x));
  let sum = 0;
  let z = x;
  for (; z < farEnough; z++) sum -= 1 / z;
  const inverse = 1 / (z * z);
  return sum + Math.log(z) - 1 / (2 * z) - polynomial(digammaSeries, inverse) * inverse;
}

/** sin(πx), exact at the integers. */
function sinPi(x: number): number {
  const nearest = Math.round(x);
  return (nearest % 2 === 0 ? 1 : -1) * Math.sin(Math.PI * (x - nearest));
}

const polynomial = (coefficients: readonly number[], x: number): number =>
  coefficients.reduceRight((sum, c) => sum * x + c, 0);
