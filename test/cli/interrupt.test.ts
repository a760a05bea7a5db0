/** Ctrl-C while kernels compile: the first is answered before anything ends, the second ends the process. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { shipped } from "../models/fixtures.ts";
import { Running } from "./command.ts";

const model = ["--model_path", shipped("glm-4-tiny")];
const stopping = /stopping; Ctrl-C again ends at once/;

/** Without what drivers keep of compiled kernels. */
async function withColdCache(args: readonly string[], run: (running: Running) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "jaxscale-cold-"));
  try {
    await run(new Running(args, { MESA_SHADER_CACHE_DIR: folder }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("generate answers the first Ctrl-C while kernels compile, and the second ends it", () =>
  withColdCache(["generate", ...model, "--prompt", "Tell me a story."], async (running) => {
    await running.until(/loaded/, "errors");
    running.child.kill("SIGINT");
    await running.until(stopping, "errors");
    running.child.kill("SIGINT");
    const { code, output } = await running.ended;
    assert.is(code, 130);
    assert.is(output.trim(), "");
  }));

test("chat answers Ctrl-C before the first token, and stays; twice ends it", () =>
  withColdCache(["chat", ...model], async (running) => {
    running.child.stdin.write("Tell me a story.\n");
    await running.until(/loaded/, "errors");
    // The line is read once the model is there.
    await new Promise((resolve) => setTimeout(resolve, 300));
    running.child.kill("SIGINT");
    await running.until(stopping, "errors");
    running.child.kill("SIGINT");
    assert.is((await running.ended).code, 130);
  }));

test.run();
