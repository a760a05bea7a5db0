/** What the bench and the processes that it measures say to each other: one process a system, so that none is in another's way. */

/** Something to time, by name, with its sizes. */
export interface Work {
  readonly name: string;
  readonly sizes: readonly number[];
}

export interface Request {
  readonly id: number;
  readonly work: Work;
  /** Samples to take; 0 prepares only. */
  readonly samples: number;
}

/** Counts that belong to a work, such as submits a call. */
export type Facts = Readonly<Record<string, number>>;

export type Reply =
  | { readonly id: number; readonly samples: readonly number[]; readonly facts: Facts }
  | { readonly id: number; readonly error: string };

/** A work made ready: takes one sample, in the work's unit. */
export interface Sampler {
  readonly sample: () => Promise<number>;
  readonly facts?: Facts;
}

export type Works = Readonly<Record<string, (...sizes: number[]) => Promise<Sampler>>>;

/** Answers requests of the parent process. */
export function serve(works: Works): void {
  const ready = new Map<string, Promise<Sampler>>();
  process.on("message", async ({ id, work, samples }: Request) => {
    const key = JSON.stringify(work);
    try {
      if (!ready.has(key)) ready.set(key, works[work.name](...work.sizes));
      const { sample, facts = {} } = (await ready.get(key)) as Sampler;
      const taken: number[] = [];
      for (let i = 0; i < samples; i++) taken.push(await sample());
      process.send?.({ id, samples: taken, facts } satisfies Reply);
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
    }
  });
  process.on("disconnect", () => process.exit(0));
}
