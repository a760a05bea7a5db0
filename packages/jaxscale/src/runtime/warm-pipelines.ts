/** Some drivers compile a pipeline at its first dispatch only, one after the other: an empty dispatch makes them do so now. */
import type { Device } from "./device.ts";
import { keepAlive } from "./keep-alive.ts";

export async function warmPipelines(device: Device): Promise<void> {
  const fresh = device.pipelines.takeFresh();
  if (!device.target.traits.compilesAtFirstDispatch || fresh.length === 0) return;
  const { gpu } = device;
  const stride = 256;
  const { STORAGE, UNIFORM } = GPUBufferUsage;
  const size = stride * Math.max(...fresh.map(({ accesses }) => accesses.length + 1));
  // A buffer may not be both read and written in one dispatch.
  const written = gpu.createBuffer({ size, usage: STORAGE, label: "warming" });
  const readOnly = gpu.createBuffer({ size, usage: STORAGE | UNIFORM, label: "warming" });
  const workgroups = gpu.createBuffer({ size: 12, usage: GPUBufferUsage.INDIRECT, label: "no workgroups" });
  const encoder = gpu.createCommandEncoder();
  for (const { gpu: pipeline, layout, accesses, immediates, immediateBytes } of fresh) {
    const bindings = accesses.length + (immediates === "uniform" ? 1 : 0);
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      gpu.createBindGroup({
        layout,
        entries: Array.from({ length: bindings }, (_, binding) => ({
          binding,
          resource: {
            buffer: accesses[binding] === "read_write" ? written : readOnly,
            offset: binding * stride,
            size: stride,
          },
        })),
      }),
      immediates === "uniform" ? [0] : [],
    );
    if (immediates === "immediate") pass.setImmediates(0, new Uint32Array(immediateBytes / 4));
    // Indirect, as Dawn warns of an empty direct one.
    pass.dispatchWorkgroupsIndirect(workgroups, 0);
    pass.end();
  }
  gpu.queue.submit([encoder.finish()]);
  await keepAlive(gpu.queue.onSubmittedWorkDone());
  written.destroy();
  readOnly.destroy();
  workgroups.destroy();
}
