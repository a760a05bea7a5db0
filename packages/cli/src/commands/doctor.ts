/** `jaxscale doctor`: what the adapters are and can do. */
import type { Command } from "commander";
import { type Device, type DeviceReport, devices, examineDevices, formatDeviceReport } from "jaxscale";
import { formatTable } from "../table.ts";

export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description("print each adapter of JAXSCALE_ADAPTER, what it offers and how fast it is")
    .option("--devices", "print the devices that arrays can be sharded over, and how to have more")
    .action(async ({ devices: listsDevices = false }: { readonly devices?: boolean }) => {
      console.log(listsDevices ? formatDevices(await devices()) : formatReports(await examineDevices()));
    });
}

/** One report, or several with the number of the GPU above each. */
const formatReports = (reports: readonly DeviceReport[]): string =>
  reports.map((r, i) => `${reports.length > 1 ? `GPU ${i}\n` : ""}${formatDeviceReport(r)}`).join("\n\n");

/** A device a line, with the GPU that it is part of. */
function formatDevices(all: readonly Device[]): string {
  const rows = all.map(({ id, gpu, kind, memoryBudgetBytes, name }) => [
    `${id}`,
    `${gpu}`,
    kind,
    `${(memoryBudgetBytes / 2 ** 30).toFixed(1)} GiB`,
    name,
  ]);
  const use =
    all.length === 1
      ? "One device: nothing is sharded."
      : `makeMesh([${all.length}], ["data"]) arranges them in a mesh; a program gives the same on any number.`;
  return `${formatTable(["device", "GPU", "backend", "memory of its GPU", ""], rows)}

${use}
JAXSCALE_DEVICES=8 divides the GPUs into 8 logical devices, which share their GPU's memory and speed.
JAXSCALE_ADAPTER=a,b opens several GPUs by parts of their names, a device each.`;
}
