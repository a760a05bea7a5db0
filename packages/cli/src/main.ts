#!/usr/bin/env node
/** The command `jaxscale`. */
import { doctor } from "./doctor.ts";

interface Command {
  readonly summary: string;
  run(args: readonly string[]): Promise<void>;
}

const commands: Readonly<Record<string, Command>> = {
  doctor: { summary: "print the adapter, what it offers and how fast it is", run: doctor },
};

const usage = (): string => {
  const list = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`);
  return `Usage: jaxscale <command> [options]\n\nCommands:\n${list.join("\n")}\n\nOptions:\n  --help     print this`;
};

async function main(): Promise<number> {
  const [name, ...args] = process.argv.slice(2);
  if (name === undefined || name === "--help" || name === "-h") {
    console.log(usage());
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    console.error(`jaxscale: a command must be one of ${Object.keys(commands).join(", ")}; got ${name}\n\n${usage()}`);
    return 2;
  }
  await command.run(args);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  // A message that our errors carry is for the user; a stack is for our own bugs.
  const known = error instanceof Error && error.name.endsWith("Error") && error.name !== "Error";
  console.error(known ? `${error.name}: ${error.message}` : error);
  process.exitCode = 1;
}
