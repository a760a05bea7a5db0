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
  usedAt: number;
}

const callsKept = 64;
const groupsKept = 64;

export class BindGroupCache {
  readonly #device: GPUDevice;
  readonly #statistics: Statistics;
  readonly #recipes: readonly GroupRecipe[];
  readonly #groups: readonly Map<string, GPUBindGroup>[];
  readonly #calls = new Map<number, CachedCall[]>();
  #callCount = 0;
  #time = 0;
  #last: CachedCall | undefined;

  constructor(device: GPUDevice, statistics: Statistics, recipes: readonly GroupRecipe[]) {
    this.#device = device;
    this.#statistics = statistics;
    this.#recipes = recipes;
    this.#groups = recipes.map(() => new Map());
  }

  /** One bind group a recipe, for a call with these buffers. */
  groupsFor(buffers: readonly PooledBuffer[]): readonly GPUBindGroup[] {
    const last = this.#last;
    if (last !== undefined && sameIds(last.ids, buffers)) return last.groups;
    let hash = buffers.length;
    for (let i = 0; i < buffers.length; i++) hash = Math.imul(hash ^ buffers[i].id, 0x9e3779b1) ^ (hash >>> 15);
    const bucket = this.#calls.get(hash);
    if (bucket !== undefined)
      for (const call of bucket)
        if (sameIds(call.ids, buffers)) {
          call.usedAt = ++this.#time;
          this.#last = call;
          return call.groups;
        }
    return this.#remember(hash, buffers).groups;
  }

  #remember(hash: number, buffers: readonly PooledBuffer[]): CachedCall {
    if (this.#callCount >= callsKept) this.#forgetOldest();
    const call: CachedCall = {
      ids: Float64Array.from(buffers, (buffer) => buffer.id),
      groups: this.#recipes.map((recipe, i) => this.#groupFor(recipe, this.#groups[i], buffers)),
      usedAt: ++this.#time,
    };
    const bucket = this.#calls.get(hash);
    if (bucket) bucket.push(call);
    else this.#calls.set(hash, [call]);
    this.#callCount++;
    this.#last = call;
    return call;
  }

  #forgetOldest(): void {
    let oldest: CachedCall | undefined;
    let home = 0;
    for (const [hash, bucket] of this.#calls)
      for (const call of bucket)
        if (oldest === undefined || call.usedAt < oldest.usedAt) {
          oldest = call;
          home = hash;
        }
    const rest = (this.#calls.get(home) ?? []).filter((call) => call !== oldest);
    if (rest.length > 0) this.#calls.set(home, rest);
    else this.#calls.delete(home);
    this.#callCount--;
  }

  #groupFor(
    { layout, entries, dynamic }: GroupRecipe,
    known: Map<string, GPUBindGroup>,
    buffers: readonly PooledBuffer[],
  ): GPUBindGroup {
    let key = "";
    for (const i of dynamic) key += `${buffers[i].id} `;
    let group = known.get(key);
    if (group === undefined) {
      if (known.size >= groupsKept) known.delete(known.keys().next().value as string);
      group = this.#device.createBindGroup({
        layout,
        entries: entries.map(({ binding, buffer, offset, size }) => ({
          binding,
          resource: { buffer: typeof buffer === "number" ? buffers[buffer].gpu : buffer, offset, size },
        })),
      });
      this.#statistics.bindGroupsCreated++;
    } else known.delete(key);
    // Last in the map's order: least recently used comes first.
    known.set(key, group);
    return group;
  }
}

function sameIds(ids: Float64Array, buffers: readonly PooledBuffer[]): boolean {
  for (let i = 0; i < ids.length; i++) if (ids[i] !== buffers[i].id) return false;
  return true;
}
