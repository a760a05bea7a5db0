/**
 * Kernels, calls and compilation, beside other systems where they are installed:
 * `npx tsx bench/kernels.ts [part of a row's name …] [--rounds=7] [--samples=3] [--scale=full|small]`.
 */
import { parseArgs } from "node:util";
import { howToInstall, isInstalled, systems } from "./contender.ts";
import { Arena } from "./measure.ts";
import { rowsFor, scaleNamed } from "./rows.ts";
import { runSuite } from "./suite.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "7" },
    samples: { type: "string", default: "3" },
    scale: { type: "string", default: "full" },
  },
});
const effort = { rounds: Number(values.rounds), samplesPerRound: Number(values.samples) };

await runSuite(async ({ add, leaveOut }) => {
  const scale = scaleNamed(values.scale);
  const all = rowsFor(scale);
  const rows = all.filter(({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)));
  if (rows.length === 0)
    throw new RangeError(
      `bench: a part of a row's name must be given, of ${all.map(({ name }) => `"${name}"`).join(", ")}; got ${positionals.join(" ")}`,
    );
  for (const system of systems) if (!isInstalled(system)) leaveOut(`${system}: ${howToInstall(system)}`);
  const arena = new Arena(scale.streamBytes);
  for (const row of rows) {
    // A driver may compile a system's shaders for minutes.
    console.error(`${row.name} …`);
    add(await arena.measure(row, effort));
  }
  arena.close();
});
