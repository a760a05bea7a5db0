// The answering half of ../protocol.ts, for plain JavaScript.
export function serve(works) {
  const ready = new Map();
  process.on("message", async ({ id, work, samples }) => {
    const key = JSON.stringify(work);
    try {
      if (!ready.has(key)) ready.set(key, works[work.name](...work.sizes));
      const { sample, facts = {} } = await ready.get(key);
      const taken = [];
      for (let i = 0; i < samples; i++) taken.push(await sample());
      process.send({ id, samples: taken, facts });
    } catch (error) {
      process.send({ id, error: String(error?.message ?? error) });
    }
  });
  process.on("disconnect", () => process.exit(0));
}

// The same numbers as ../noise.ts.
export function noise(count) {
  const values = new Float32Array(count);
  let state = 12345;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 32 - 0.5;
  }
  return values;
}
