/** Runs in a browser: the runtime unchanged; a test asks the page for its findings. */
import { Client } from "../../packages/jaxscale/src/runtime/client.ts";
import { affine, floats, printRaw, words } from "./raw-programs.ts";
import { countUp } from "./while-programs.ts";

async function findings(): Promise<unknown> {
  const client = new Client({ printKernel: printRaw });
  const f = affine(3, 2);
  let x = client.upload(words([1, 2, 3]));
  for (let i = 0; i < 5; i++) [x] = client.launch(f, [x]);
  const values = floats(await client.read(x));
  const counted = floats(await client.read(client.launch(countUp, [client.upload(words([300, 0]))])[0]));
  const refused = {
    ...f,
    build: () => {
      throw new Error("not today");
    },
  };
  const error = await client.read(client.launch(refused, [x])[0]).catch((e: Error) => e.message);
  (await client.device()).gpu.destroy();
  const lost = await client.read(x).catch((e: Error) => e.message);
  const again = floats(await client.read(client.launch(f, [client.upload(words([1, 2, 3]))])[0]));
  return { platform: client.platform.name, values, counted, error, lost, again };
}

Object.assign(globalThis, { findings: () => findings().catch((error: Error) => ({ failure: String(error.stack) })) });
