/** Standard output that cannot be written. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Running } from "./command.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const main = "packages/cli/src/main.ts";

/** A command with its standard output sent elsewhere by a shell. */
function redirected(args: string, to: string): Promise<{ readonly code: number | null; readonly errors: string }> {
  return new Promise((resolve) => {
    const child = spawn("sh", ["-c", `exec "${process.execPath}" --import tsx ${main} ${args} ${to}`], {
      cwd: root,
      env: { XDG_RUNTIME_DIR: tmpdir(), ...process.env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    child.on("close", (code) => resolve({ code, errors }));
  });
}

test("a full disk is one line and exit code 1", async () => {
  if (!existsSync("/dev/full")) return;
  for (const args of ["--help", "generate --plan --model_path examples/checkpoints/glm-4-tiny"]) {
    const { code, errors } = await redirected(args, "> /dev/full");
    assert.is(errors, "standard output: must be writable; got ENOSPC: no space left on device, write\n", args);
    assert.is(code, 1);
  }
});

test("a reader that has enough ends the command silently, with exit code 0", async () => {
  const running = new Running(["--help"]);
  running.child.stdout.destroy();
  running.child.stdin.end();
  const { code, errors } = await running.ended;
  assert.equal([code, errors], [0, ""]);
});

test("without a standard error to write to, the exit code is still that of the command", async () => {
  if (!existsSync("/dev/full")) return;
  assert.is((await redirected("generate --prompt x", "2> /dev/full")).code, 2);
  assert.is((await redirected("--help", "2> /dev/full")).code, 0);
});

test.run();
