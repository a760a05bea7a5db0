/** Meshes, against JAX 0.10.2. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { AxisType, deviceGrid, Mesh } from "../../packages/jaxscale/src/partition/mesh.ts";

const devices = Array.from({ length: 8 }, (_, id) => ({ id }));
const grid = (...sizes: number[]) => deviceGrid(devices, sizes);

test("meshes print as in JAX", () => {
  assert.is(String(new Mesh(grid(2, 4), ["x", "y"])), "Mesh('x': 2, 'y': 4, axis_types=(Auto, Auto))");
  assert.is(String(new Mesh(devices, "x")), "Mesh('x': 8, axis_types=(Auto,))");
  const axisTypes = [AxisType.Explicit, AxisType.Explicit];
  assert.is(
    String(new Mesh(grid(1, 1), ["x", "y"], { axisTypes })),
    "Mesh('x': 1, 'y': 1, axis_types=(Explicit, Explicit))",
  );
});

test("devices lie in row-major order", () => {
  const mesh = new Mesh(
    [
      [devices[3], devices[1]],
      [devices[0], devices[2]],
    ],
    ["x", "y"],
  );
  assert.equal(
    mesh.devices.map((d) => d.id),
    [3, 1, 0, 2],
  );
  assert.equal(
    [...mesh.shape],
    [
      ["x", 2],
      ["y", 2],
    ],
  );
  assert.is(mesh.size, 4);
});

test("a mesh may use fewer devices than there are", () => {
  assert.equal(
    new Mesh(grid(2, 3), ["x", "y"]).devices.map((d) => d.id),
    [0, 1, 2, 3, 4, 5],
  );
});

test("meshes are equal when devices, names, sizes and axis types are", () => {
  const mesh = new Mesh(grid(2, 4), ["x", "y"]);
  assert.ok(mesh.equals(new Mesh(grid(2, 4), ["x", "y"])));
  assert.not.ok(mesh.equals(new Mesh(grid(4, 2), ["x", "y"])));
  assert.not.ok(mesh.equals(new Mesh(grid(2, 4), ["x", "z"])));
  assert.not.ok(mesh.equals(new Mesh(grid(2, 4), ["x", "y"], { axisTypes: ["Auto", "Explicit"] })));
  assert.not.ok(mesh.equals(new Mesh(deviceGrid([...devices].reverse(), [2, 4]), ["x", "y"])));
});

test("names, types and devices that do not fit together are errors", () => {
  assert.throws(
    () => new Mesh(grid(2, 4), ["x"]),
    /Mesh: devices must be nested as deep .*; got shape \[2,4\] and 1 names/,
  );
  assert.throws(() => new Mesh(grid(2, 4), ["x", "x"]), /axis names must be distinct; got \(x, x\)/);
  assert.throws(() => new Mesh(grid(8), "x", { axisTypes: [] }), /one axis type for each axis; got \(\) for \(x,\)/);
  assert.throws(
    () => new Mesh([[devices[0], devices[1]], [devices[2]]], ["x", "y"]),
    /equally long; got lengths 2 and 1/,
  );
  assert.throws(() => grid(3, 4), /a device for each place of the mesh; got 8 devices for \[3,4\]/);
});

test.run();
