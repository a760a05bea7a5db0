/** PartitionSpecs, against JAX 0.10.2. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { P, type SpecEntry } from "../../packages/jaxscale/src/partition/partition-spec.ts";

test("specs print as in JAX", () => {
  assert.is(String(P()), "P()");
  assert.is(String(P("x")), "P('x',)");
  assert.is(String(P("x", null)), "P('x', None)");
  assert.is(String(P(["x", "y"])), "P(('x', 'y'),)");
  assert.is(String(P(null, ["x", "y"], "z")), "P(None, ('x', 'y'), 'z')");
});

test("a list of one name is that name, an empty list is null", () => {
  assert.ok(P(["x"]).equals(P("x")));
  assert.ok(P([]).equals(P(null)));
  assert.equal(P(["x"], [], ["x", "y"]).entries, ["x", null, ["x", "y"]]);
});

test("specs that differ by a trailing null or in the order of axes are not equal", () => {
  assert.not.ok(P("x", null).equals(P("x")));
  assert.not.ok(P(["x", "y"]).equals(P(["y", "x"])));
  assert.not.ok(P("x", "y").equals(P(["x", "y"])));
});

test("an entry that is no name is an error", () => {
  assert.throws(() => P(3 as unknown as SpecEntry), /PartitionSpec: an entry must be .*; got 3 at 0/);
  assert.throws(() => P("x", ["y", null] as unknown as SpecEntry), /got \["y",null\] at 1/);
});

test.run();
