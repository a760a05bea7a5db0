/** `jaxscale doctor`: what the adapter is and can do. */
import type { Command } from "commander";
import { examineDevice, formatDeviceReport } from "jaxscale";

export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description("print the adapter, what it offers and how fast it is")
    .action(async () => {
      console.log(formatDeviceReport(await examineDevice()));
    });
}
