/** Functions over trees, traced as the bodies of loops and branches. */
import {
  flattenWithPath,
  formatKeyPath,
  formatTreedef,
  sameTreedef,
  type TreeDef,
  unflatten,
} from "../../base/pytree.ts";
import { type ClosedJaxpr, formatAval, type ShapedArray } from "../../jaxpr/ir.ts";
import type { Array } from "../../trace/array.ts";
import { traceToJaxpr } from "../../trace/staging.ts";
import { type FlatArrays as Flat, flattenArrays } from "../flat-function.ts";
import { convertElementType } from "./convert.ts";

export { type FlatArrays as Flat, flattenArrays } from "../flat-function.ts";

/** A body without constants: values that the function closed over are its first arguments. */
export interface Body {
  readonly jaxpr: ClosedJaxpr;
  readonly constants: readonly Array[];
  readonly outTree: TreeDef;
}

/** Traces `f` of the trees' leaves, one tree an argument. */
export function traceBody(
  op: string,
  f: (...args: never[]) => unknown,
  trees: readonly TreeDef[],
  avals: readonly (readonly ShapedArray[])[],
): Body {
  let outTree: TreeDef | undefined;
  const { jaxpr, consts } = traceToJaxpr(
    f.name || op,
    (...tracers) => {
      let next = 0;
      const args = trees.map((treedef, i) => unflatten(treedef, tracers.slice(next, (next += avals[i].length))));
      const out = flattenArrays(op, (f as (...args: unknown[]) => unknown)(...args));
      outTree = out.treedef;
      return out.leaves;
    },
    avals.flat(),
  );
  return {
    jaxpr: { jaxpr: { ...jaxpr, constvars: [], invars: [...jaxpr.constvars, ...jaxpr.invars] }, consts: [] },
    constants: consts as readonly Array[],
    outTree: outTree as TreeDef,
  };
}

export const avalsOf = (flat: Flat): readonly ShapedArray[] => flat.leaves.map((x) => x.aval);

export const isSameType = (a: ShapedArray, b: ShapedArray): boolean =>
  a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((d, i) => d === b.shape[i]);

/** First carries, converted where they are weak and the body gives another dtype; undefined if none needs it. */
export function promoteWeak(init: Flat, outputs: readonly ShapedArray[]): Flat | undefined {
  if (init.leaves.length !== outputs.length) return undefined;
  let changed = false;
  const leaves = init.leaves.map((x, i) => {
    if (!x.weakType || x.dtype === outputs[i].dtype) return x;
    changed = true;
    return convertElementType(x, outputs[i].dtype);
  });
  return changed ? { leaves, treedef: init.treedef } : undefined;
}

/** @throws TypeError in JAX's words if a body's carries differ in structure, shape or dtype from what it gets */
export function checkCarry(op: string, init: Flat, outTree: TreeDef, outputs: readonly ShapedArray[]): void {
  const rule = (what: string): string =>
    `${op} body function carry input and carry output must have ${what}, but they differ`;
  if (!sameTreedef(init.treedef, outTree))
    throw new TypeError(
      `${rule("the same pytree structure")}: the input carry has ${formatTreedef(init.treedef)}; got ${formatTreedef(outTree)}`,
    );
  const wrong = init.leaves.findIndex((x, i) => !isSameType(x.aval, outputs[i]));
  if (wrong < 0) return;
  const { leaves } = flattenWithPath(unflatten(init.treedef, init.leaves));
  const path = formatKeyPath(leaves[wrong].path);
  const { aval } = init.leaves[wrong];
  const what = aval.dtype === outputs[wrong].dtype ? "shapes" : "dtypes";
  throw new TypeError(
    `${rule("equal types")}: the input carry${path && ` component carry${path}`} has type ${formatAval(aval)}; got ${formatAval(outputs[wrong])} for it from the body, so the ${what} do not match`,
  );
}

/** Type of one slice along axis 0. */
export const sliceAval = ({ shape, ...type }: ShapedArray): ShapedArray => ({ ...type, shape: shape.slice(1) });
