/** `JAXSCALE_DUMP` and `JAXSCALE_DEBUG`, in processes of their own. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs a program beside the packages, so that it finds them. */
function run(text: string, env: Readonly<Record<string, string>>): { folder: string; output: string } {
  const folder = mkdtempSync(join(root, ".run-"));
  const file = join(folder, "program.ts");
  writeFileSync(file, text);
  const { stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", file], {
    cwd: root,
    env: { ...process.env, ...env, ...("JAXSCALE_DUMP" in env && { JAXSCALE_DUMP: join(folder, "dump") }) },
    encoding: "utf8",
  });
  return { folder, output: stdout + stderr };
}

test("JAXSCALE_DUMP writes the stages of each compiled function, numbered, with the user's lines", () => {
  const { folder, output } = run(
    `import { jit, numpy as jnp } from "jaxscale";
const f = jit((x) => jnp.sum(jnp.tanh(x)), { name: "f" });
const g = jit((x) => x.add(1), { name: "a/g" });
console.log(await f(jnp.ones([3])).item(), await g(2).item());`,
    { JAXSCALE_DUMP: "here" },
  );
  try {
    assert.match(output, /2\.28\d+ 3/);
    const names = readdirSync(join(folder, "dump"));
    const of = (pattern: RegExp): string => {
      const name = names.find((n) => pattern.test(n));
      assert.ok(name, `${pattern} in ${names}`);
      return readFileSync(join(folder, "dump", name as string), "utf8");
    };
    assert.match(of(/^\d{4}-f\.jaxpr\.txt$/), /tanh/);
    assert.match(of(/^\d{4}-f\.simplified\.txt$/), /reduce_sum/);
    assert.match(of(/^\d{4}-f\.kernels\.txt$/), /^kernel /m);
    assert.match(of(/^\d{4}-f\.wgsl$/), /@compute/);
    assert.match(of(/^\d{4}-f\.sources\.txt$/), /tanh.*program\.ts:2:/);
    assert.match(of(/^\d{4}-a_g\.jaxpr\.txt$/), /add/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("JAXSCALE_DEBUG tells where a NaN began", () => {
  const { folder, output } = run(
    `import { jit, numpy as jnp } from "jaxscale";
const f = jit((x) => jnp.log(x).add(1), { name: "f" });
await f(jnp.array([-1, 1])).data().catch((error) => console.log(error.message));`,
    { JAXSCALE_DEBUG: "1" },
  );
  rmSync(folder, { recursive: true });
  assert.match(output, /debug\.nans: .*log.*program\.ts:2:/);
});

test.run();
