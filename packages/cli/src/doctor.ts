/** `jaxscale doctor`: what the adapter is and can do. */
import { examineDevice, formatDeviceReport } from "jaxscale";

export async function doctor(): Promise<void> {
  console.log(formatDeviceReport(await examineDevice()));
}
