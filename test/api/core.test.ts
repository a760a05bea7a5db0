import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";

test("the trace state is one outside of traced functions, and another within each", () => {
  const { getOpaqueTraceState } = jax.core;
  const outside = getOpaqueTraceState();
  const seen: unknown[] = [];
  const remember = (x: jax.Array): jax.Array => {
    seen.push(getOpaqueTraceState());
    return x;
  };
  jax.jit((x: jax.Array) => remember(jax.vmap(remember)(x)))(jax.numpy.ones([2]));
  assert.is(new Set([outside, ...seen]).size, 3);
  assert.is(getOpaqueTraceState(), outside);
});

test("the tracing machinery itself is no part of the public API", () => {
  for (const name of ["currentTrace", "Trace", "withTrace", "bind"]) assert.not(name in jax, name);
});

test.run();
