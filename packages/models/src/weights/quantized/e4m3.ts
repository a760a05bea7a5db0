/** Eight-bit floats E4M3 without infinities (`fn`). */

const values = Float32Array.from({ length: 256 }, (_, code) => {
  const exponent = (code >>> 3) & 15;
  const fraction = code & 7;
  if ((code & 0x7f) === 0x7f) return Number.NaN;
  const magnitude = exponent === 0 ? fraction * 2 ** -9 : (8 + fraction) * 2 ** (exponent - 10);
  return code & 0x80 ? -magnitude : magnitude;
});

/** The value of a byte; 0x7f and 0xff are NaN. */
export const floatOfE4m3 = (code: number): number => values[code];
