/** Normally distributed values in bulk, the same in every run. */

const pieceWords = 2 ** 21;
const tableSize = 2 ** 16;
const deviation = 0.02;

/** As the bits of bfloat16, rounded to nearest. */
const normals = (mean: number): Uint16Array => {
  const next = generator(1);
  const uniform = (): number => ((next() >>> 0) + 1) / (2 ** 32 + 1);
  const values = Float32Array.from(
    { length: tableSize },
    () => mean + deviation * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
  return Uint16Array.from(new Uint32Array(values.buffer), (bits) => (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
};

/** Marsaglia's xorshift with 32 bits. */
function generator(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b9) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  };
}

const tables = new Map<number, Uint16Array>();

/** Values around a mean with deviation 0.02, in pieces that are reused. */
export function* randomBytes(
  count: number,
  { dtype, mean, seed }: { readonly dtype: "bfloat16" | "float32"; readonly mean: number; readonly seed: number },
): Generator<Uint8Array> {
  let table = tables.get(mean);
  if (!table) tables.set(mean, (table = normals(mean)));
  const next = generator(seed);
  const words = new Uint32Array(Math.min(pieceWords, dtype === "bfloat16" ? Math.ceil(count / 2) : count));
  for (let left = count * (dtype === "bfloat16" ? 2 : 4); left > 0; left -= 4 * words.length) {
    for (let i = 0; i < words.length; i++) {
      const bits = next();
      const high = table[bits >>> 16] << 16;
      words[i] = dtype === "bfloat16" ? high | table[bits & 0xffff] : high;
    }
    yield new Uint8Array(words.buffer, 0, Math.min(left, 4 * words.length));
  }
}
