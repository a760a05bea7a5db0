import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatFloat, printJaxpr } from "../../packages/jaxscale/src/jaxpr/print.ts";
import { parseJaxpr } from "./parse.ts";

const { jaxprs } = JSON.parse(readFileSync(new URL("../fixtures/jax/jaxprs.json", import.meta.url), "utf8")) as {
  jaxprs: { name: string; jaxpr: string }[];
};

// Types that have no counterpart here: values varying over a mesh axis, typed random keys.
const foreign = (text: string): boolean => text.includes("{V:") || text.includes("key<");

for (const { name, jaxpr } of jaxprs) {
  if (foreign(jaxpr)) continue;
  test(`${name} is laid out and named as JAX prints it`, () => {
    assert.is(printJaxpr(parseJaxpr(jaxpr)), jaxpr);
  });
}

test("only jaxprs with types of meshes and random keys are left out", () => {
  assert.equal(
    jaxprs.filter(({ jaxpr }) => foreign(jaxpr)).map(({ name }) => name),
    ["shard_map_psum", "shard_map_all_gather", "random_normal"],
  );
});

// What jax.make_jaxpr of JAX 0.10.2 printed.
const printedByJax = {
  "two short equations stay on one line": "{ lambda ; a:f32[]. let b:f32[] = sin a; c:f32[] = cos b in (c,) }",
  "a jaxpr without equations": "{ lambda ; a:f32[3]. let  in (0.0:f32[],) }",
  "a function that is called twice comes first": `let lambda = { lambda ; a:f32[3]. let
    b:f32[3] = sin a
    c:f32[3] = mul b 2.0:f32[]
  in (c,) } in
{ lambda ; d:f32[3]. let
    e:f32[3] = jit[name=<lambda> jaxpr=lambda] d
    f:f32[3] = jit[name=<lambda> jaxpr=lambda] e
  in (f,) }`,
  "functions called twice inside one that is called twice": `let inner = { lambda ; a:f32[3]. let
    b:f32[3] = jit[name=named jaxpr=named] a
    c:f32[3] = jit[name=named jaxpr=named] b
  in (c,) } in
let named = { lambda ; d:f32[3]. let e:f32[3] = cos d in (e,) } in
{ lambda ; f:f32[3]. let
    g:f32[3] = jit[name=inner jaxpr=inner] f
    h:f32[3] = jit[name=inner jaxpr=inner] g
  in (h,) }`,
  "one operand passed twice names one inner argument": `{ lambda ; a:f32[3]. let
    b:f32[3] c:f32[3] = jit[
      name=<lambda>
      jaxpr={ lambda ; a:f32[3] c:f32[3]. let b:f32[3] = add a c in (b, c) }
    ] a a
  in (b, c) }`,
  "a result of a call that nothing uses": `{ lambda ; a:f32[3]. let
    b:f32[3] = add a 1.0:f32[]
    c:f32[3] _:f32[3] = jit[
      name=<lambda>
      jaxpr={ lambda ; a:f32[3] b:f32[3]. let c:f32[3] = add a b in (c, b) }
    ] a b
  in (c,) }`,
  "inside a call, unused results keep their names": `{ lambda ; a:f32[3]. let
    b:f32[2] = jit[
      name=inner
      jaxpr={ lambda ; a:f32[3]. let
          c:f32[3] = sin a
          b:f32[2] d:i32[2] = top_k[axis=0 k=2] a
        in (b,) }
    ] a
  in (b,) }`,
  "many arguments fill lines": `{ lambda ; a:f32[3] b:f32[3] c:f32[3] d:f32[3] e:f32[3] f:f32[3] g:f32[3] h:f32[3]
    i:f32[3] j:f32[3] k:f32[3] l:f32[3]. let
    m:f32[3] = add 0.0:f32[] a
    n:f32[3] = add m b
  in (n,) }`,
  "parameters that do not fit stand one a line": `{ lambda ; a:f32[10,2000]. let
    b:f32[5,50] = slice[
      limit_indices=(5, 100)
      start_indices=(0, 0)
      strides=(1, 2)
    ] a
  in (b,) }`,
};
for (const [what, text] of Object.entries(printedByJax)) {
  test(what, () => assert.is(printJaxpr(parseJaxpr(text)), text));
}

test("floats are written in Python's shortest form", () => {
  // repr(float(numpy.float32(x))) of the values at the left.
  const written: [number, string][] = [
    [Math.fround(1e22), "9.999999778196308e+21"],
    [Math.fround(1e16), "1.0000000272564224e+16"],
    [Math.fround(1e15), "999999986991104.0"],
    [123456, "123456.0"],
    [Math.fround(1e-5), "9.999999747378752e-06"],
    [Math.fround(1e-4), "9.999999747378752e-05"],
    [Math.fround(0.001), "0.0010000000474974513"],
    [0.0001220703125, "0.0001220703125"],
    [-0.5, "-0.5"],
    [-0, "-0.0"],
    [Number.NaN, "nan"],
    [Number.NEGATIVE_INFINITY, "-inf"],
  ];
  for (const [value, text] of written) assert.is(formatFloat(value), text);
});

test.run();
