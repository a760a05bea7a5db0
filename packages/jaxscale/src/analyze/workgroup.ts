/**
 * Runs one workgroup of a kernel on a modelled GPU, all lanes in step, and counts what it does. Ids are real, so every
 * address that follows from them is. What device memory holds is not known: floats read from it are 1, integers large, so that
 * lengths and positions reach the bounds that kernels set them. Of a long loop some iterations stand for all.
 */
import { invariant } from "../base/errors.ts";
import { convertConstant, reinterpretConstant } from "../kernel/fold.ts";
import { ruleOf } from "../kernel/grammar.ts";
import {
  type Block,
  type Kernel,
  laneCount,
  type SharedDecl,
  type Statement,
  scalarOf,
  type Value,
  type Variable,
} from "../kernel/ir.ts";
import { type AccessCounts, countPasses, countSectors, noAccesses } from "./accesses.ts";
import type { ModelledGpu } from "./gpus.ts";
import { scalarOp, wrapped } from "./scalar-ops.ts";

/** What a workgroup did. */
export interface WorkgroupCounts {
  readonly reads: AccessCounts;
  readonly writes: AccessCounts;
  readonly shared: AccessCounts;
  /** Instructions of subgroups: one for each component of a value that is computed, one for an access. */
  instructions: number;
  /** The same, weighted by the share of their lanes that were active. */
  useful: number;
  barriers: number;
}

export interface WorkgroupPlace {
  readonly id: readonly [number, number, number];
  readonly counts: readonly [number, number, number];
  readonly immediates: ReadonlyMap<string, number>;
}

/** Components of a value, each with a number a lane. */
type Lanes = readonly Float64Array[];

/** Iterations that are run of a longer loop. */
const sampledIterations = 8;
/** Of a loop whose end the device decides. */
const openIterations = 32;
const largest = 2 ** 31 - 1;
/** What memory is taken to hold: of integers a length beyond any array's axis that a stride does not make overflow, or all bits. */
const held = { f32: 1, i32: 2 ** 16, u32: 2 ** 32 - 1, bool: 1 };

/** Ops that name what registers hold already. */
const costless: ReadonlySet<string> = new Set(["get", "vec", "lane", "assume", "bitcast", "opaque"]);

export function runWorkgroup(kernel: Kernel, gpu: ModelledGpu, place: WorkgroupPlace): WorkgroupCounts {
  const run = new WorkgroupRun(kernel, gpu, place);
  run.block(kernel.body, run.all);
  return run.counts;
}

class WorkgroupRun {
  readonly counts: WorkgroupCounts = {
    reads: noAccesses(),
    writes: noAccesses(),
    shared: noAccesses(),
    instructions: 0,
    useful: 0,
    barriers: 0,
  };
  readonly all: Uint8Array;
  readonly #gpu: ModelledGpu;
  readonly #width: number;
  readonly #builtins: (name: string, lane: number) => number;
  readonly #immediates: ReadonlyMap<string, number>;
  readonly #values = new Map<Value | Variable, Lanes>();
  readonly #shared = new Map<SharedDecl, Float64Array>();
  /** How many iterations the one that runs stands for. */
  #times = 1;

  constructor({ workgroupSize, shared }: Kernel, gpu: ModelledGpu, { id, counts, immediates }: WorkgroupPlace) {
    const [x, y, z] = workgroupSize;
    this.#gpu = gpu;
    this.#width = x * y * z;
    this.#immediates = immediates;
    this.all = new Uint8Array(this.#width).fill(1);
    for (const s of shared) this.#shared.set(s, new Float64Array(s.size * laneCount(s.type)));
    const local = (lane: number): readonly number[] => [lane % x, Math.floor(lane / x) % y, Math.floor(lane / (x * y))];
    const vectors: Record<string, (lane: number) => readonly number[]> = {
      local_id: local,
      workgroup_id: () => id,
      num_workgroups: () => counts,
    };
    const scalars: Record<string, (lane: number) => number> = {
      subgroup_lane: (lane) => lane % gpu.subgroupSize,
      subgroup_size: () => gpu.subgroupSize,
    };
    this.#builtins = (name, lane) => {
      const [vector, axis] = name.split(".");
      const found = axis ? vectors[vector]?.(lane)["xyz".indexOf(axis)] : scalars[name]?.(lane);
      invariant(found !== undefined, `kernel builtin ${name} is not modelled`);
      return found;
    };
  }

  block({ statements }: Block, active: Uint8Array): void {
    for (const s of statements) this.#statement(s, active);
  }

  #statement(s: Statement, active: Uint8Array): void {
    switch (s.kind) {
      case "let":
        if (!costless.has(s.value.op)) this.#issue(laneCount(s.value.type), active);
        this.#values.set(s.value, this.#evaluate(s.value, active));
        return;
      case "declare":
        this.#values.set(
          s.variable,
          this.#valueOf(s.initial).map((x) => x.slice()),
        );
        return;
      case "assign": {
        const value = this.#valueOf(s.value);
        this.#values.get(s.variable)?.forEach((component, c) => {
          for (let lane = 0; lane < this.#width; lane++) if (active[lane]) component[lane] = value[c][lane];
        });
        return;
      }
      case "store":
        this.#issue(1, active);
        return this.#access(this.counts.writes, s.index, laneCount(s.value.type), active);
      case "storeShared":
        this.#issue(1, active);
        return this.#storeShared(s.shared, s.index, s.value, active);
      case "for":
        return this.#for(s, active);
      case "while":
        return this.#while(s, active);
      case "if": {
        const [condition] = this.#valueOf(s.condition);
        const then = active.map((on, lane) => (on && condition[lane] ? 1 : 0));
        const otherwise = active.map((on, lane) => (on && !condition[lane] ? 1 : 0));
        if (then.includes(1)) this.block(s.then, then);
        if (otherwise.includes(1)) this.block(s.otherwise, otherwise);
        return;
      }
      case "barrier":
        this.counts.barriers += this.#times;
        return;
    }
  }

  #for(loop: Extract<Statement, { kind: "for" }>, active: Uint8Array): void {
    const [start, end, step] = [loop.start, loop.end, loop.step].map((v) => this.#valueOf(v)[0]);
    let trips = 0;
    for (let lane = 0; lane < this.#width; lane++)
      if (active[lane] && step[lane] > 0) trips = Math.max(trips, Math.ceil((end[lane] - start[lane]) / step[lane]));
    const outer = this.#times;
    for (const [iteration, stands] of sampled(trips)) {
      const index = start.map((first, lane) => first + iteration * step[lane]);
      const still = active.map((on, lane) => (on && index[lane] < end[lane] ? 1 : 0));
      this.#times = outer * stands;
      this.#issue(2, still);
      this.#values.set(loop.index, [index]);
      this.block(loop.body, still);
    }
    this.#times = outer;
  }

  #while(loop: Extract<Statement, { kind: "while" }>, active: Uint8Array): void {
    let still = active;
    for (let i = 0; i < openIterations; i++) {
      this.block(loop.condition, still);
      const [test] = this.#valueOf(loop.test);
      still = still.map((on, lane) => (on && test[lane] ? 1 : 0));
      if (!still.includes(1)) return;
      this.block(loop.body, still);
    }
  }

  #valueOf(v: Value): Lanes {
    const known = this.#values.get(v);
    if (known) return known;
    invariant(ruleOf(v.op).free, `kernel value ${v.op} is used before it is defined`);
    const number = (lane: number): number =>
      v.op === "const"
        ? Number(v.attr)
        : v.op === "builtin"
          ? this.#builtins(v.attr as string, lane)
          : (this.#immediates.get(v.attr as string) ?? 0);
    const made = this.#components(v, (_, lane) => number(lane));
    this.#values.set(v, made);
    return made;
  }

  #components(v: Value, number: (component: number, lane: number) => number): Lanes {
    const type = scalarOf(v.type);
    return Array.from({ length: laneCount(v.type) }, (_, c) =>
      Float64Array.from({ length: this.#width }, (_, lane) => wrapped(type, number(c, lane))),
    );
  }

  #evaluate(v: Value, active: Uint8Array): Lanes {
    const args = v.args.map((a) => this.#valueOf(a));
    const { attr } = v;
    switch (v.op) {
      case "get":
        return (this.#values.get(attr as Variable) as Lanes).map((x) => x.slice());
      case "vec":
        return this.#components(v, (c, lane) => args[Math.min(c, args.length - 1)][0][lane]);
      case "lane":
        return [args[0][attr as number]];
      case "assume": {
        const { min, max } = v.range ?? { min: -largest, max: largest };
        return this.#components(v, (_, lane) => Math.min(Math.max(args[0][0][lane], min), max));
      }
      case "cast":
        return this.#components(v, (c, lane) =>
          convertConstant(scalarOf(v.args[0].type), scalarOf(v.type), args[0][c][lane]),
        );
      case "bitcast":
        return this.#components(v, (c, lane) =>
          reinterpretConstant(scalarOf(v.args[0].type), scalarOf(v.type), args[0][c][lane]),
        );
      case "dot":
        return this.#components(v, (_, lane) => args[0].reduce((sum, x, c) => sum + x[lane] * args[1][c][lane], 0));
      case "load":
        this.#access(this.counts.reads, v.args[0], laneCount(v.type), active);
        return this.#unknown(v);
      case "loadShared":
        return this.#loadShared(v, attr as SharedDecl, active);
      default:
        if (ruleOf(v.op).effect === "atomic") return this.#atomic(v, active);
        return ruleOf(v.op).effect === "subgroup" ? this.#acrossLanes(v, args, active) : this.#compute(v, args);
    }
  }

  #compute(v: Value, args: readonly Lanes[]): Lanes {
    const compute = scalarOp(v.op, scalarOf(v.args[v.args.length - 1].type));
    invariant(compute, `kernel op ${v.op} is not modelled`);
    const part = (i: number, c: number, lane: number): number => {
      const x = args[i];
      return x === undefined ? 0 : x[Math.min(c, x.length - 1)][lane];
    };
    return this.#components(v, (c, lane) => compute(part(0, c, lane), part(1, c, lane), part(2, c, lane)));
  }

  /** What device memory holds: within the bounds that are known of it. */
  #unknown(v: Value): Lanes {
    const number = v.range?.max ?? held[scalarOf(v.type)];
    return this.#components(v, () => number);
  }

  #atomic(v: Value, active: Uint8Array): Lanes {
    this.#access(this.counts.writes, v.args[0], 1, active);
    return this.#unknown(v);
  }

  #acrossLanes(v: Value, args: readonly Lanes[], active: Uint8Array): Lanes {
    const size = this.#gpu.subgroupSize;
    const pick: Record<string, (lane: number, count: number) => number> = {
      subgroupBroadcastFirst: (lane) => firstActive(active, lane - (lane % size)),
      subgroupBroadcast: (lane, count) => lane - (lane % size) + count,
      subgroupShuffle: (lane, count) => lane - (lane % size) + count,
      subgroupShuffleXor: (lane, count) => lane ^ count,
    };
    const from = pick[v.op];
    if (from)
      return this.#components(
        v,
        (c, lane) => args[0][c][Math.min(from(lane, args[1]?.[0][lane] ?? 0), this.#width - 1)],
      );
    const type = scalarOf(v.type);
    const combine = scalarOp(folds[v.op], type);
    invariant(combine, `kernel op ${v.op} is not modelled`);
    return this.#components(v, (c, lane) => {
      let folded: number | undefined;
      const first = lane - (lane % size);
      for (let other = first; other < Math.min(first + size, this.#width); other++)
        if (active[other]) folded = folded === undefined ? args[0][c][other] : combine(folded, args[0][c][other], 0);
      return folded ?? 0;
    });
  }

  #storeShared(shared: SharedDecl, index: Value, value: Value, active: Uint8Array): void {
    const memory = this.#shared.get(shared) as Float64Array;
    const lanes = laneCount(shared.type);
    const at = this.#sharedAccess(index, lanes, active);
    this.#valueOf(value).forEach((component, c) => {
      for (let lane = 0; lane < this.#width; lane++) if (active[lane]) memory[at[lane] * lanes + c] = component[lane];
    });
  }

  #loadShared(v: Value, shared: SharedDecl, active: Uint8Array): Lanes {
    const memory = this.#shared.get(shared) as Float64Array;
    const lanes = laneCount(shared.type);
    const at = this.#sharedAccess(v.args[0], lanes, active);
    return this.#components(v, (c, lane) => (active[lane] ? (memory[at[lane] * lanes + c] ?? 0) : 0));
  }

  #sharedAccess(index: Value, lanes: number, active: Uint8Array): Float64Array {
    const [at] = this.#valueOf(index);
    this.#bySubgroup(active, (subgroup) =>
      countPasses(
        this.counts.shared,
        subgroup.map((lane) => at[lane] * lanes),
        lanes,
        this.#gpu.sharedBanks,
        this.#times,
      ),
    );
    return at;
  }

  #access(counts: AccessCounts, index: Value, perLane: number, active: Uint8Array): void {
    const [at] = this.#valueOf(index);
    this.#bySubgroup(active, (subgroup) =>
      countSectors(
        counts,
        subgroup.map((lane) => at[lane]),
        perLane,
        this.#times,
      ),
    );
  }

  #issue(count: number, active: Uint8Array): void {
    const size = Math.min(this.#gpu.subgroupSize, this.#width);
    this.#bySubgroup(active, (lanes) => {
      this.counts.instructions += this.#times * count;
      this.counts.useful += (this.#times * count * lanes.length) / size;
    });
  }

  /** Calls with the active lanes of each subgroup that has any. */
  #bySubgroup(active: Uint8Array, visit: (lanes: readonly number[]) => void): void {
    for (const lanes of this.#subgroups(active)) visit(lanes);
  }

  readonly #known = new WeakMap<Uint8Array, readonly (readonly number[])[]>();
  #subgroups(active: Uint8Array): readonly (readonly number[])[] {
    let found = this.#known.get(active);
    if (!found) {
      const size = this.#gpu.subgroupSize;
      const groups: number[][] = [];
      for (let first = 0; first < this.#width; first += size) {
        const lanes: number[] = [];
        for (let lane = first; lane < Math.min(first + size, this.#width); lane++) if (active[lane]) lanes.push(lane);
        if (lanes.length > 0) groups.push(lanes);
      }
      found = groups;
      this.#known.set(active, found);
    }
    return found;
  }
}

const folds: Record<string, "add" | "max" | "min"> = {
  subgroupAdd: "add",
  subgroupMax: "max",
  subgroupMin: "min",
};

function firstActive(active: Uint8Array, from: number): number {
  let lane = from;
  while (lane < active.length - 1 && !active[lane]) lane++;
  return lane;
}

/** Iterations to run, and how many each stands for: the first ones, and the last for itself. */
function* sampled(trips: number): Iterable<readonly [iteration: number, stands: number]> {
  if (trips <= sampledIterations) {
    for (let i = 0; i < trips; i++) yield [i, 1];
    return;
  }
  const before = sampledIterations - 1;
  for (let i = 0; i < before; i++) yield [i, (trips - 1) / before];
  yield [trips - 1, 1];
}
