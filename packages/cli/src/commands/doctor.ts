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
  const rows = all.map(({ id, kind, memoryBudgetBytes, name }) => [
    `${id}`,
    kind,
    `${(memoryBudgetBytes / 2 ** 30).toFixed(1)} GiB`,
    name,
  ]);
  return `${formatTable(["device", "backend", "memory of its GPU", ""], rows)}

${
  all.length === 1
    ? "One device: nothing is sharded. Set JAXSCALE_DEVICES=8 to divide the GPU into 8 logical devices"
    : `makeMesh([${all.length}], ["data"]) arranges them in a mesh. Set JAXSCALE_DEVICES to another number of logical devices for more or fewer`
}, which share its memory and its speed; a program is the same on any number.`;
}
