/**
 * An embedding larger than a binding, of as many rows and columns as `EMBEDDING` says: rows are gathered from it, a vector is
 * multiplied with it, a row is written in place. Prints what is wrong, then the most memory that was held.
 */
import * as jax from "jaxscale";

const { jit, lax, numpy: jnp } = jax;
type A = jax.Array;

const [rows, columns] = (process.env.EMBEDDING ?? "").split(",").map(Number);
/** Rows near the ends of bindings, in eighths of the largest power of two, and others. */
const eighth = 2 ** Math.floor(Math.log2(rows)) / 8;
const places = [
  0,
  1,
  eighth - 1,
  eighth,
  Math.floor(rows / 16),
  Math.floor(rows / 2),
  8 * eighth - 1,
  8 * eighth,
  rows - 1,
];
/** Whole numbers that bfloat16 holds exactly, different from row to row. */
const element = (row: number, column: number): number => ((row * 7 + column * 3) % 251) - 125;

// Made on the device: the host never holds it.
const make = jit(() => {
  const iota = (axis: number): A => lax.broadcastedIota("int32", [rows, columns], axis);
  return iota(0).mul(7).add(iota(1).mul(3)).mod(251).sub(125).astype("bfloat16");
});
let table = make();
await table.blockUntilReady();

const ids = [...places, rows, -1];
const values = await jit((t: A, i: A) => t.slice(i))(table, jnp.array(ids)).data();
ids.forEach((id, i) => {
  const row = id < 0 ? rows + id : Math.min(id, rows - 1);
  for (let column = 0; column < columns; column++) {
    const got = values[i * columns + column];
    if (got === element(row, column)) continue;
    console.log(`row ${row} column ${column}: got ${got}, wanted ${element(row, column)}`);
    break;
  }
});

const weights = Float32Array.from({ length: columns }, (_, c) => (c % 5) - 2);
const project = jit((x: A, t: A) => x.dot(t.T.astype("float32")));
const logits = await project(jnp.array(weights).reshape([1, columns]), table).data();
for (const row of places) {
  let want = 0;
  for (let column = 0; column < columns; column++) want += weights[column] * element(row, column);
  if (logits[row] !== want) console.log(`logit ${row}: got ${logits[row]}, wanted ${want}`);
}

const put = jit((t: A, row: A, i: A) => lax.dynamicUpdateSlice(t, row, [i, 0]), { donateArgnums: 0 });
const written = 8 * eighth;
table = put(table, jnp.full([1, columns], 3, { dtype: "bfloat16" }), jnp.array(written));
const around = await table.slice(`${written - 1}:${written + 2}`, "0:2").toList();
const want = [-1, 0, 1].map((i) => [0, 1].map((c) => (i === 0 ? 3 : element(written + i, c))));
if (JSON.stringify(around) !== JSON.stringify(want))
  console.log(`after the write: got ${JSON.stringify(around)}, wanted ${JSON.stringify(want)}`);
console.log(`done, with ${jax.statistics().peakBytes} bytes at most`);
