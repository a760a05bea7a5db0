/** A client of its own, under settings that would come from the environment. */

import { Client, type ClientOptions } from "../../packages/jaxscale/src/runtime/client.ts";
import { platform } from "../../packages/jaxscale/src/runtime/node/platform.ts";
import type { Platform } from "../../packages/jaxscale/src/runtime/platform.ts";
import { printRaw } from "./raw-programs.ts";

export const withSettings = (settings: Readonly<Record<string, string>>): Platform => ({
  ...platform,
  readVariable: (name) => settings[name] ?? platform.readVariable(name),
});

export const clientWith = (settings: Readonly<Record<string, string>> = {}, options: ClientOptions = {}): Client =>
  new Client({ platform: withSettings(settings), printKernel: printRaw, ...options });

/** The error that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error("resolved, though it should reject");
}
