/** Types of trees: what their leaves are, and what they become when the leaves do. */
import type { Array, ArrayLike } from "../trace/array.ts";
import type { ShapeDtypeStruct } from "./make-jaxpr.ts";

/** Key of a property that only types have: what the leaves of a class's objects are, where it is registered as a node. */
export const leafType: unique symbol = Symbol.for("jaxscale.leafType");

type AnyFunction = (...args: never[]) => unknown;
type LeafType = Array | ShapeDtypeStruct | ArrayBufferView | number | boolean | string | bigint | symbol | AnyFunction;

/** An object with methods is one of a class, whose children, if it is a node at all, no type describes. */
type HasMethods<T> = true extends { [K in keyof T]-?: T[K] extends AnyFunction ? true : never }[keyof T] ? true : false;

type IsOpen<T> = T extends readonly unknown[] ? true : HasMethods<T> extends true ? false : true;

// Types may contain themselves: below this depth nothing is said.
type Deeper<Depth extends readonly unknown[]> = readonly [...Depth, unknown];
type Deepest = 8;

/** Type of a tree's leaves; unknown where objects of classes stand. */
export type LeafOf<T, Depth extends readonly unknown[] = readonly []> = unknown extends T
  ? unknown
  : Depth["length"] extends Deepest
    ? unknown
    : T extends null | undefined
      ? never
      : T extends LeafType
        ? T
        : T extends readonly (infer Item)[]
          ? LeafOf<Item, Deeper<Depth>>
          : T extends ReadonlyMap<unknown, infer Value>
            ? LeafOf<Value, Deeper<Depth>>
            : typeof leafType extends keyof T
              ? Exclude<T[typeof leafType], undefined>
              : HasMethods<T> extends true
                ? unknown
                : LeafOf<T[keyof T], Deeper<Depth>>;

/** The tree with leaves of another type. Objects of classes keep theirs. */
export type WithLeaves<T, Leaf, Depth extends readonly unknown[] = readonly []> = unknown extends T
  ? unknown
  : Depth["length"] extends Deepest
    ? unknown
    : T extends null | undefined
      ? T
      : T extends LeafType
        ? Leaf
        : T extends ReadonlyMap<infer Key, infer Value>
          ? Map<Key, WithLeaves<Value, Leaf, Deeper<Depth>>>
          : IsOpen<T> extends true
            ? { -readonly [K in keyof T]: WithLeaves<T[K], Leaf, Deeper<Depth>> }
            : T;

/** The tree that `map` makes: of the same type if its leaves are. */
export type Mapped<T, Leaf> = [LeafOf<T>] extends [Leaf]
  ? [Leaf] extends [LeafOf<T>]
    ? T
    : WithLeaves<T, Leaf>
  : WithLeaves<T, Leaf>;

/** A tree whose type describes its leaves. */
export type Known<T> = T & (unknown extends LeafOf<T> ? never : unknown);

/** What a first carry may be; that a list is among it makes one a tuple. */
export type Seed = number | boolean | object | [unknown];

/** A tree in which numbers stand for arrays. */
export type WithNumbers<T> = T & ([Extract<LeafOf<T>, number | boolean>] extends [never] ? never : unknown);

/** What it is within a traced function, and when it comes out of it: numbers are arrays. */
export type AsArrays<T, Depth extends readonly unknown[] = readonly []> = unknown extends T
  ? T
  : Depth["length"] extends Deepest
    ? T
    : T extends number | boolean
      ? Array
      : T extends LeafType | null | undefined
        ? T
        : IsOpen<T> extends true
          ? { -readonly [K in keyof T]: AsArrays<T[K], Deeper<Depth>> }
          : T;

/** What the function may give back for it. */
export type Next<T, Depth extends readonly unknown[] = readonly []> = unknown extends T
  ? T
  : Depth["length"] extends Deepest
    ? T
    : T extends number | boolean | Array
      ? ArrayLike
      : T extends LeafType | null | undefined
        ? T
        : IsOpen<T> extends true
          ? { readonly [K in keyof T]: Next<T[K], Deeper<Depth>> }
          : T;

/** What may stand for its tangent or cotangent: null is zero. */
export type OrNull<T, Depth extends readonly unknown[] = readonly []> = unknown extends T
  ? unknown
  : Depth["length"] extends Deepest
    ? unknown
    : T extends number | boolean | Array
      ? ArrayLike | null
      : T extends LeafType | null | undefined
        ? T
        : IsOpen<T> extends true
          ? { readonly [K in keyof T]: OrNull<T[K], Deeper<Depth>> }
          : T;

/** A tree in which a shape and dtype may stand for an array. */
export type OrShapes<T, Depth extends readonly unknown[] = readonly []> = unknown extends T
  ? T
  : Depth["length"] extends Deepest
    ? T
    : T extends Array
      ? T | ShapeDtypeStruct
      : T extends LeafType | null | undefined
        ? T
        : IsOpen<T> extends true
          ? { [K in keyof T]: OrShapes<T[K], Deeper<Depth>> }
          : T;
