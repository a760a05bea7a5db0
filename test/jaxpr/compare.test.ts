import { test } from "uvu";
import * as assert from "uvu/assert";
import { normalizeJaxpr } from "./compare.ts";

test("names do not matter, structure does", () => {
  const text = "{ lambda ; a:f32[3] b:f32[3]. let c:f32[3] = add a b in (c,) }";
  const renamed = "{ lambda ; x:f32[3] y:f32[3]. let q:f32[3] = add x y in (q,) }";
  const swapped = "{ lambda ; a:f32[3] b:f32[3]. let c:f32[3] = add b a in (c,) }";
  assert.is(normalizeJaxpr(renamed), text);
  assert.is.not(normalizeJaxpr(swapped), text);
});

test("parameters without a meaning here are dropped, and the lines that they broke", () => {
  const jax = `{ lambda ; a:f32[6]. let
    b:f32[1,3,2] = reshape[
      dimensions=None
      new_sizes=(1, 3, 2)
      sharding=None
    ] a
    c:f32[] = reduce_sum[axes=(0, np.int64(1), 2) out_sharding=None] b
  in (c,) }`;
  const ours = `{ lambda ; a:f32[6]. let
    b:f32[1,3,2] = reshape[new_sizes=(1, 3, 2)] a
    c:f32[] = reduce_sum[axes=(0, 1, 2)] b
  in (c,) }`;
  assert.is(normalizeJaxpr(jax), ours);
  assert.is(normalizeJaxpr(ours), ours);
});

test("a parameter of that name with a value stays", () => {
  const text = "{ lambda ; a:f32[1,3]. let b:f32[3] = squeeze[dimensions=(0,)] a in (b,) }";
  assert.is(normalizeJaxpr(text), text);
});

test.run();
