/** The adapter of the tests several times, as so many GPUs: set before the library looks. */
export function openGpus(gpus: number, devices: number): void {
  const adapter = (process.env.JAXSCALE_ADAPTER || "any").split(",")[0];
  process.env.JAXSCALE_ADAPTER = Array(gpus).fill(adapter).join(",");
  process.env.JAXSCALE_DEVICES = `${devices}`;
}
