/** A place in an array of some shape, as coordinates or as a row-major position, each computed from the other when first asked for. */
import { invariant } from "../base/errors.ts";
import { type Shape, sizeOf, stridesOf } from "../base/shapes.ts";
import type { KernelBuilder } from "./builder.ts";
import type { Value } from "./ir.ts";

export class Index {
  readonly #k: KernelBuilder;
  readonly shape: Shape;
  #coords: readonly Value[] | undefined;
  #linear: Value | undefined;

  private constructor(k: KernelBuilder, shape: Shape, coords?: readonly Value[], linear?: Value) {
    this.#k = k;
    this.shape = shape;
    this.#coords = coords;
    this.#linear = linear;
  }

  /** @param linear i32, row-major position, in bounds */
  static fromLinear(k: KernelBuilder, shape: Shape, linear: Value): Index {
    return new Index(k, shape, undefined, linear);
  }

  /** @param coords i32 each, one an axis, in bounds */
  static fromCoords(k: KernelBuilder, shape: Shape, coords: readonly Value[]): Index {
    invariant(coords.length === shape.length, "one coordinate an axis");
    return new Index(k, shape, coords);
  }

  /** Coordinates, i32; an axis of size 1 has the constant 0. */
  get coords(): readonly Value[] {
    if (!this.#coords) {
      const k = this.#k;
      const strides = stridesOf(this.shape);
      const linear = this.linear;
      const first = this.shape.findIndex((d) => d !== 1);
      this.#coords = this.shape.map((size, axis) => {
        if (size === 1) return k.i32(0);
        const shifted = k.div(linear, k.i32(strides[axis]));
        return axis === first ? shifted : k.rem(shifted, k.i32(size));
      });
    }
    return this.#coords;
  }

  /** Row-major position, i32. */
  get linear(): Value {
    if (!this.#linear) {
      const k = this.#k;
      const strides = stridesOf(this.shape);
      const coords = this.#coords as readonly Value[];
      this.#linear = coords.reduce(
        (sum, c, axis) => (this.shape[axis] === 1 ? sum : k.add(sum, k.mul(c, k.i32(strides[axis])))),
        k.i32(0),
      );
    }
    return this.#linear;
  }

  /** The same position in an array of equal size: a reshape. */
  reshaped(shape: Shape): Index {
    if (shape === this.shape) return this;
    invariant(sizeOf(shape) === sizeOf(this.shape), "a reshape keeps the size");
    return Index.fromLinear(this.#k, shape, this.linear);
  }

  /** The element of a broadcast operand: right-aligned axes, 0 where the operand's axis has size 1. */
  broadcastTo(shape: Shape): Index {
    if (shape.length === this.shape.length && shape.every((d, i) => d === this.shape[i])) return this;
    const skip = this.shape.length - shape.length;
    return Index.fromCoords(
      this.#k,
      shape,
      shape.map((d, i) => (d === 1 ? this.#k.i32(0) : this.coords[skip + i])),
    );
  }

  /** Same shape, some coordinates replaced. */
  with(replace: (coord: Value, axis: number) => Value): Index {
    return Index.fromCoords(this.#k, this.shape, this.coords.map(replace));
  }
}
