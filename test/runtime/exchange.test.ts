import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Client } from "../../packages/jaxscale/src/runtime/client.ts";
import { type Collective, collectiveProgram } from "./exchange-programs.ts";
import { clientWith } from "./settings.ts";

/** What JAX gives; see generate.py there. Words by GPU. */
type Case = Omit<Collective, "fromBytes" | "toBytes"> & {
  readonly dtype: string;
  readonly from: readonly (readonly number[])[];
  readonly to: readonly (readonly number[])[];
};
const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL("../fixtures/exchange/exchange.json", import.meta.url), "utf8"),
);

const clients: readonly (readonly [string, Client, number])[] = [
  ["two devices of one adapter", clientWith({ JAXSCALE_ADAPTER: "any,any" }), 2],
  ["four devices of one adapter", clientWith({ JAXSCALE_ADAPTER: "any,any,any,any" }), 4],
  ["two devices of the embedded driver", clientWith({ JAXSCALE_ADAPTER: "embedded,embedded" }), 2],
  [
    "arrays in buffers of 16 bytes",
    clientWith({
      JAXSCALE_ADAPTER: "any,any",
      JAXSCALE_LIMITS: "maxBufferSize=16,maxStorageBufferBindingSize=16,minStorageBufferOffsetAlignment=16",
    }),
    2,
  ],
];

for (const [name, client, count] of clients)
  test(`collectives give what JAX's give, on ${name}`, async () => {
    for (const { from, to, ...rest } of cases.filter((c) => c.from.length === count)) {
      const fromBytes = 4 * from[0].length;
      const f = collectiveProgram({
        ...(rest as Omit<Collective, "fromBytes" | "toBytes">),
        fromBytes,
        toBytes: 4 * to[0].length,
      });
      const args = from.map((words, gpu) => [client.upload(Uint32Array.from(words), fromBytes, "x", gpu)]);
      const results = client.launchOn([...from.keys()], f, args);
      const got = await Promise.all(results.map(async ([y]) => [...(await client.read(y))]));
      assert.equal(
        got,
        to,
        `${rest.collective} ${rest.combine} of ${rest.dtype} over ${rest.axes} ${rest.pairs?.join("; ")}`,
      );
    }
  });

test.run();
