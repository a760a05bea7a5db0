/** Cache folders that cannot be written, are full, or are somebody else's. */
import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runProgram } from "../child-process.ts";

interface Context {
  /** Stands for the temporary folder. */
  temporary: string;
  /** No folder can be made in it. */
  file: string;
  own: string;
}

const test = suite<Context>("caches", {} as Context);

test.before.each((context) => {
  context.temporary = mkdtempSync(join(tmpdir(), "caches-"));
  context.own = `jaxscale-${process.getuid?.() ?? "cache"}`;
  context.file = join(context.temporary, "file");
  writeFileSync(context.file, "");
});
test.after.each(({ temporary }) => rmSync(temporary, { recursive: true }));

test("a folder that cannot be written: caches lie in the temporary one, with one warning", async ({
  temporary,
  own,
  file,
}) => {
  const { output, errors } = await runProgram("hostile/cache-writer.ts", {
    XDG_CACHE_HOME: file,
    TMPDIR: temporary,
  });
  assert.is(output, `${2 ** 20 + 1} ${2 ** 20}\n`);
  assert.match(errors, /^jaxscale: \S+\/file\/jaxscale cannot be written \(ENOTDIR\), \S+ is used instead; set .*\n$/);
  assert.equal(readdirSync(join(temporary, own)).sort(), ["a.txt", "b.txt"]);
});

test("a temporary folder that another user made first is not trusted", async ({ temporary, own, file }) => {
  if (process.getuid?.() !== 0) return;
  mkdirSync(join(temporary, own));
  chownSync(join(temporary, own), 12345, 12345);
  const env = { XDG_CACHE_HOME: file, TMPDIR: temporary };
  assert.match((await runProgram("hostile/cache-writer.ts", env)).errors, /\/dev\/shm\/\S+ is used instead/);
  assert.equal(readdirSync(join(temporary, own)), []);
});

test("the embedded driver is unpacked where there is room", async ({ temporary, own, file }) => {
  const env = { XDG_CACHE_HOME: file, TMPDIR: temporary, JAXSCALE_ADAPTER: "embedded" };
  const { output, errors } = await runProgram("hostile/one-number.ts", env);
  assert.match(output, /^(3|DeviceError: .*(not both installed|is for linux-x64).*)\n$/);
  if (output !== "3\n") return;
  assert.match(errors, /^jaxscale: .* is used instead; set XDG_CACHE_HOME.*\n$/);
  assert.match(readdirSync(join(temporary, own)).join(), /swiftshader-/);
});

/** Runs `use` with a folder that a disk of 64 KB is mounted on, where this user may do that. */
async function withSmallDisk(folder: string, use: () => Promise<void>): Promise<void> {
  mkdirSync(folder);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", folder], { stdio: "ignore" });
  } catch {
    return;
  }
  try {
    await use();
  } finally {
    execFileSync("umount", [folder]);
  }
}

test("a full disk: nothing is cached, with one warning, and nothing half-written stays", async ({ temporary }) => {
  const disk = join(temporary, "disk");
  await withSmallDisk(disk, async () => {
    const { code, output, errors } = await runProgram("hostile/cache-writer.ts", { XDG_CACHE_HOME: disk });
    assert.is(code, 0);
    assert.is(output, "undefined undefined\n");
    assert.match(errors, /^jaxscale: \S+\/a\.txt cannot be written \(ENOSPC\), nothing is cached; set .*\n$/);
    assert.equal(readdirSync(join(disk, "jaxscale")), []);
  });
});

test("a full disk: the embedded driver is unpacked elsewhere", async ({ temporary, own }) => {
  const disk = join(temporary, "disk");
  await withSmallDisk(disk, async () => {
    const env = { XDG_CACHE_HOME: disk, TMPDIR: temporary, JAXSCALE_ADAPTER: "embedded" };
    const { output, errors } = await runProgram("hostile/one-number.ts", env);
    assert.match(output, /^(3|DeviceError: .*(not both installed|is for linux-x64).*)\n$/);
    if (output !== "3\n") return;
    assert.match(errors, /^jaxscale: the embedded driver lies in \S+, not in \S+ \(ENOSPC\); set .*\n$/);
    assert.match(readdirSync(join(temporary, own)).join(), /swiftshader-/);
  });
});

test.run();
