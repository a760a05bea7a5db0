import { test } from "uvu";
import * as assert from "uvu/assert";
import { decoderOf, encoderOf, roundTo } from "../../packages/jaxscale/src/base/rounding.ts";
import { decode, encode, roundToDtype } from "../../packages/jaxscale/src/kernel/rounding.ts";
import { closeTestDevice, mapOnDevice } from "./run-kernel.ts";

const sameFloat = (a: number, b: number): boolean => Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b));
const smallest = 2 ** -126;
/** Equal, where a denormal may stand for a zero. */
const sameOrFlushed = (a: number, b: number): boolean =>
  sameFloat(a, b) || (Math.abs(a) < smallest && Math.abs(b) < smallest);

const patterns = Uint32Array.from({ length: 65536 }, (_, i) => i);
const narrow = (["bfloat16", "float16"] as const).map((dtype) => ({
  dtype,
  from: decoderOf(dtype),
  to: encoderOf(dtype),
}));

for (const { dtype, from, to } of narrow) {
  test(`every ${dtype} pattern decodes to its value and encodes back to itself`, async () => {
    const [values, back] = await mapOnDevice([patterns], (k, x) => {
      const value = decode(k, dtype, x);
      return [value, encode(k, dtype, value)];
    });
    for (let i = 0; i < 65536; i++) {
      const want = from(i);
      assert.ok(sameOrFlushed(values[i], want), `${dtype} 0x${i.toString(16)} is ${want}, got ${values[i]}`);
      if (!Number.isNaN(want) && Math.abs(want) >= smallest) assert.is(back[i], i);
      if (Number.isNaN(want)) assert.ok(Number.isNaN(from(back[i])));
    }
  });

  test(`values on, just below and just above every ${dtype} tie round to nearest even`, async () => {
    const between = new Float32Array(3 * 65536);
    const bits = new Uint32Array(between.buffer);
    for (let i = 0; i < 65536; i++) {
      const low = from(i);
      const high = from(i + 1);
      between[3 * i] = Number.isFinite(high) ? (low + high) / 2 : low;
      bits[3 * i + 1] = bits[3 * i] - 1;
      bits[3 * i + 2] = bits[3 * i] + 1;
    }
    const [rounded, encoded] = await mapOnDevice([between], (k, x) => [roundToDtype(k, dtype, x), encode(k, dtype, x)]);
    for (let i = 0; i < between.length; i++) {
      if (Math.abs(between[i]) < smallest) continue;
      const want = roundTo(dtype, between[i]);
      assert.ok(sameFloat(rounded[i], want), `${between[i]} rounds to ${want}, got ${rounded[i]}`);
      if (Number.isNaN(want)) assert.ok(Number.isNaN(from(encoded[i])));
      else assert.is(encoded[i], to(between[i]), `${between[i]} as ${dtype}`);
    }
  });
}

test("infinities, overflow, signed zeros and NaNs with a payload in the dropped bits survive rounding", async () => {
  const inputs = Uint32Array.of(
    0x7f800000,
    0xff800000,
    0x7f800001,
    0xff80ffff,
    0x7f7fffff,
    0xff7fffff,
    0,
    0x80000000,
    0x477fefff,
    0x477ff000,
  );
  for (const { dtype, from } of [...narrow, { dtype: "float8_e4m3fn", from: decoderOf("float8_e4m3fn") } as const]) {
    const [rounded, encoded] = await mapOnDevice([inputs], (k, x) => {
      const value = k.bitcast("f32", x);
      return [roundToDtype(k, dtype, value), encode(k, dtype, value)];
    });
    const values = new Float32Array(inputs.buffer);
    for (let i = 0; i < inputs.length; i++) {
      assert.ok(sameFloat(rounded[i], roundTo(dtype, values[i])), `${values[i]} got ${rounded[i]}`);
      assert.ok(sameFloat(from(encoded[i]), roundTo(dtype, values[i])));
    }
  }
});

test("every byte of float8_e4m3fn is the value of its definition, and encodes back to itself", async () => {
  const bytes = Uint32Array.from({ length: 256 }, (_, i) => i);
  const [values, back] = await mapOnDevice([bytes], (k, x) => {
    const value = decode(k, "float8_e4m3fn", x);
    return [value, encode(k, "float8_e4m3fn", value)];
  });
  const [onHost, toByte] = [decoderOf("float8_e4m3fn"), encoderOf("float8_e4m3fn")];
  for (let byte = 0; byte < 256; byte++) {
    const [exponent, mantissa] = [(byte >> 3) & 15, byte & 7];
    const magnitude = exponent === 0 ? mantissa * 2 ** -9 : (8 + mantissa) * 2 ** (exponent - 10);
    const want = (byte & 127) === 127 ? Number.NaN : byte < 128 ? magnitude : -magnitude;
    assert.ok(
      sameFloat(values[byte], want) && sameFloat(onHost(byte), want),
      `0x${byte.toString(16)}: ${values[byte]}`,
    );
    assert.is(back[byte], byte);
    assert.is(toByte(want), Number.isNaN(want) ? 127 : byte);
  }
});

test("values on, just below and just above every float8_e4m3fn tie round to nearest even, and overflow to NaN", async () => {
  const from = decoderOf("float8_e4m3fn");
  // Between neighbours of either sign, below the smallest, and around 464, halfway to the 480 that NaN stands for.
  const ties = [...Array.from({ length: 126 }, (_, i) => (from(i) + from(i + 1)) / 2), 464];
  const inputs = new Float32Array(
    ties.flatMap((tie) => {
      const bits = new Uint32Array(Float32Array.of(tie).buffer)[0];
      const around = [...new Float32Array(Uint32Array.of(bits - 1, bits, bits + 1).buffer)];
      return [...around, ...around.map((x) => -x)];
    }),
  );
  const want = [...ties.keys()].flatMap((i) => {
    const nearest = [from(i), from(i + (i % 2)), i === 126 ? Number.NaN : from(i + 1)];
    return [...nearest, ...nearest.map((x) => -x)];
  });
  const [rounded, encoded] = await mapOnDevice([inputs], (k, x) => [
    roundToDtype(k, "float8_e4m3fn", x),
    encode(k, "float8_e4m3fn", x),
  ]);
  for (let i = 0; i < inputs.length; i++) {
    assert.ok(sameFloat(rounded[i], want[i]), `${inputs[i]} rounds to ${want[i]}, got ${rounded[i]}`);
    assert.ok(sameFloat(from(encoded[i]), want[i]), `${inputs[i]} as a byte is ${encoded[i]}`);
    assert.ok(sameFloat(roundTo("float8_e4m3fn", inputs[i]), want[i]), `${inputs[i]} on the host`);
  }
});

test("integers wrap to their width, and survive encoding", async () => {
  const values = Int32Array.of(
    0,
    1,
    -1,
    127,
    128,
    -128,
    -129,
    255,
    256,
    32767,
    32768,
    -32769,
    65535,
    65536,
    -(2 ** 31),
    2 ** 31 - 1,
  );
  for (const dtype of ["int4", "int8", "int16"] as const) {
    const [wrapped, back] = await mapOnDevice([values], (k, x) => [
      roundToDtype(k, dtype, x),
      decode(k, dtype, encode(k, dtype, x)),
    ]);
    const want = [...values].map((x) => roundTo(dtype, x));
    assert.equal([...wrapped], want);
    assert.equal([...back], want);
  }
  for (const dtype of ["uint4", "uint8", "uint16"] as const) {
    const [wrapped, back] = await mapOnDevice([Uint32Array.from(values)], (k, x) => [
      roundToDtype(k, dtype, x),
      decode(k, dtype, encode(k, dtype, x)),
    ]);
    const want = [...values].map((x) => roundTo(dtype, x));
    assert.equal([...wrapped], want);
    assert.equal([...back], want);
  }
});

test.after(closeTestDevice);
test.run();
