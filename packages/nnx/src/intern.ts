/** Interns objects, so that equality is identity. The table holds weak references. */
export class Interner<T extends object> {
  readonly #same: (a: T, b: T) => boolean;
  readonly #buckets = new Map<unknown, WeakRef<T>[]>();

  constructor(same: (a: T, b: T) => boolean) {
    this.#same = same;
  }

  /** @param bucket a hash key: equal values have equal buckets */
  of(bucket: unknown, value: T): T {
    const alive: WeakRef<T>[] = [];
    for (const ref of this.#buckets.get(bucket) ?? []) {
      const known = ref.deref();
      if (known === undefined) continue;
      if (this.#same(known, value)) return known;
      alive.push(ref);
    }
    this.#buckets.set(bucket, [new WeakRef(value), ...alive]);
    return value;
  }
}
