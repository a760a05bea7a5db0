/** Bind groups of one executable, kept by the identity of the buffers that a call brings. */
import type { PooledBuffer } from "./buffer-pool.ts";
import type { Statistics } from "./statistics.ts";

export interface GroupEntry {
  readonly binding: number;
  /** Index into the call's buffers, or the buffer itself if it is the same in every call. */
  readonly buffer: number | GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** How to make the bind group of one dispatch. */
export interface GroupRecipe {
  readonly layout: GPUBindGroupLayout;
  readonly entries: readonly GroupEntry[];
  /** Which of the call's buffers it binds. */
  readonly dynamic: readonly number[];
}

interface CachedCall {
  readonly ids: Float64Array;
  readonly groups: readonly GPUBindGroup[];
}

// A call of one small kernel often meets a great many buffers, each result its own; one of a thousand kernels does not.
const bindGroupsKept = 8192;
const leastCallsKept = 64;

export class BindGroupCache {
  readonly #device: GPUDevice;
  readonly #statistics: Statistics;
  readonly #recipes: readonly GroupRecipe[];
  readonly #groups: readonly Map<string, GPUBindGroup>[];
  /** Recipes that bind each of the call's buffers. */
  readonly #users: readonly (readonly number[])[];
  readonly #callsKept: number;
  /** By hash; least recently used first. */
  readonly #calls = new Map<number, CachedCall>();
  #last: CachedCall | undefined;

  constructor(device: GPUDevice, statistics: Statistics, recipes: readonly GroupRecipe[]) {
    this.#device = device;
    this.#statistics = statistics;
    this.#recipes = recipes;
    this.#groups = recipes.map(() => new Map());
    this.#users = usersOf(recipes);
    this.#callsKept = Math.max(leastCallsKept, Math.floor(bindGroupsKept / Math.max(1, recipes.length)));
  }

  /** One bind group a recipe, for a call with these buffers. */
  groupsFor(buffers: readonly PooledBuffer[]): readonly GPUBindGroup[] {
    const last = this.#last;
    if (last !== undefined && sameIds(last.ids, buffers)) return last.groups;
    let hash = buffers.length;
    for (let i = 0; i < buffers.length; i++) hash = Math.imul(hash ^ buffers[i].id, 0x9e3779b1) ^ (hash >>> 15);
    const known = this.#calls.get(hash);
    const call = known !== undefined && sameIds(known.ids, buffers) ? known : this.#make(buffers);
    this.#calls.delete(hash);
    this.#calls.set(hash, call);
    if (this.#calls.size > this.#callsKept) this.#calls.delete(this.#calls.keys().next().value as number);
    this.#last = call;
    return call.groups;
  }

  #make(buffers: readonly PooledBuffer[]): CachedCall {
    const last = this.#last;
    const ids = Float64Array.from(buffers, (buffer) => buffer.id);
    if (last === undefined) return { ids, groups: this.#recipes.map((_, i) => this.#groupFor(i, buffers)) };
    // Of a model's buffers few change from call to call: weights and caches stay.
    const groups = [...last.groups];
    const stale = new Set<number>();
    for (let i = 0; i < ids.length; i++)
      if (ids[i] !== last.ids[i]) for (const recipe of this.#users[i] ?? []) stale.add(recipe);
    for (const recipe of stale) groups[recipe] = this.#groupFor(recipe, buffers);
    return { ids, groups };
  }

  #groupFor(recipe: number, buffers: readonly PooledBuffer[]): GPUBindGroup {
    const { layout, entries, dynamic } = this.#recipes[recipe];
    const known = this.#groups[recipe];
    let key = "";
    for (const i of dynamic) key += `${buffers[i].id} `;
    let group = known.get(key);
    if (group === undefined) {
      if (known.size >= this.#callsKept) known.delete(known.keys().next().value as string);
      group = this.#device.createBindGroup({
        layout,
        entries: entries.map(({ binding, buffer, offset, size }) => {
          if (typeof buffer !== "number") return { binding, resource: { buffer, offset, size } };
          const { gpu, offsetBytes } = buffers[buffer];
          return { binding, resource: { buffer: gpu, offset: offsetBytes + offset, size } };
        }),
      });
      this.#statistics.bindGroupsCreated++;
    } else known.delete(key);
    // Last in the map's order: least recently used comes first.
    known.set(key, group);
    return group;
  }
}

function usersOf(recipes: readonly GroupRecipe[]): readonly (readonly number[])[] {
  const users: number[][] = [];
  recipes.forEach(({ dynamic }, recipe) => {
    for (const buffer of dynamic) (users[buffer] ??= []).push(recipe);
  });
  return users;
}

function sameIds(ids: Float64Array, buffers: readonly PooledBuffer[]): boolean {
  for (let i = 0; i < ids.length; i++) if (ids[i] !== buffers[i].id) return false;
  return true;
}
