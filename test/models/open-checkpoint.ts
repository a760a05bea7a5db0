/** Opens the checkpoint of the hub server, and prints what it is. */
import { openCheckpoint } from "@jaxscale/models";
import { name } from "./hub-server.ts";

const { config, files } = await openCheckpoint(name);
console.log(`${config.modelType} ${files.location.split("/").at(-1)}`);
