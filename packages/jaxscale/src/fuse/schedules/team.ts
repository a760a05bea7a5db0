/** Invocations that work on one row together, and how their partial results become one. */
import type { Target } from "../../base/target.ts";
import type { KernelBuilder } from "../../kernel/builder.ts";
import type { Value } from "../../kernel/ir.ts";

export interface Team {
  /** A power of two. */
  readonly lanes: number;
  readonly lane: Value;
  readonly target: Target;
  /** Where several teams make up a workgroup: its invocations, and the first of this team. All teams combine together. */
  readonly among?: { readonly lanes: number; readonly first: Value };
}

type Combine = (a: readonly Value[], b: readonly Value[]) => readonly Value[];

/** Every lane's accumulators combined; all lanes get the result. In uniform control flow only. */
export function combineLanes(k: KernelBuilder, team: Team, own: readonly Value[], combine: Combine): readonly Value[] {
  if (team.lanes === 1) return own;
  return fitsSubgroup(team) ? throughShuffles(k, team, own, combine) : throughSharedMemory(k, team, own, combine);
}

/** Whether a workgroup of this many lanes is exactly one subgroup, or an even part of one. */
export const fitsSubgroup = ({ lanes, target }: Pick<Team, "lanes" | "target">): boolean =>
  target.features.subgroups && target.subgroupSize.min >= lanes;

function throughShuffles(k: KernelBuilder, team: Team, own: readonly Value[], combine: Combine): readonly Value[] {
  let values = own;
  for (let distance = 1; distance < team.lanes; distance *= 2)
    values = combine(
      values,
      values.map((v) => shuffle(k, v, distance)),
    );
  return values;
}
/** WGSL shuffles numbers only. */
function shuffle(k: KernelBuilder, v: Value, distance: number): Value {
  if (v.type !== "bool") return k.subgroupShuffleXor(v, distance);
  return k.ne(k.subgroupShuffleXor(k.cast("u32", v), distance), k.u32(0));
}

function throughSharedMemory(k: KernelBuilder, team: Team, own: readonly Value[], combine: Combine): readonly Value[] {
  const { lanes, lane, among } = team;
  const place = (of: Value): Value => (among ? k.assume(k.add(among.first, of), { min: 0, max: among.lanes - 1 }) : of);
  // A fresh array each time: reuse would need one more barrier.
  const arrays = own.map((v) => k.shared(`lanes${lanes}_${v.id}`, v.type, among?.lanes ?? lanes));
  arrays.forEach((array, i) => k.storeShared(array, place(lane), own[i]));
  k.barrier();
  for (let half = lanes / 2; half >= 1; half /= 2) {
    k.if(k.lt(lane, k.i32(half)), () => {
      const mine = arrays.map((a) => k.loadShared(a, place(lane)));
      const theirs = arrays.map((a) => k.loadShared(a, place(k.add(lane, k.i32(half)))));
      combine(mine, theirs).forEach((v, i) => k.storeShared(arrays[i], place(lane), v));
    });
    k.barrier();
  }
  return arrays.map((a) => k.loadShared(a, place(k.i32(0))));
}
