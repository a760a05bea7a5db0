/** `jaxscale doctor`: what the adapter is and can do. */
import { getClient } from "../../jaxscale/src/runtime/client.ts";
import { examine, formatReport } from "../../jaxscale/src/runtime/report.ts";

export async function doctor(): Promise<void> {
  console.log(formatReport(await examine(getClient())));
}
