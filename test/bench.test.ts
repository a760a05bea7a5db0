import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { median } from "../bench/statistics.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

test("the bench measures every row on small sizes, and records what it ran on", () => {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--import", "tsx", "bench/main.ts", "--scale=small", "--rounds=1", "--samples=2"],
    { cwd: root, encoding: "utf8" },
  );
  assert.is(status, 0, `${stdout}\n${stderr}`);
  for (const work of ["matmul", "GEMV", "softmax", "elementwise chain", "transformer block", "tiny jitted call"])
    assert.match(stdout, new RegExp(`^${work}.*(met|missed|not measured)`, "m"));
  const written = /written: (.*\.json)/.exec(stdout)?.[1];
  const record = JSON.parse(readFileSync(written as string, "utf8"));
  for (const field of ["adapter", "processors", "versions", "effort", "rows"]) assert.ok(record[field], field);
  for (const row of record.rows) {
    assert.ok(row.medians.jaxscale > 0, row.name);
    assert.equal(row.errors, {}, row.name);
  }
  const block = record.rows.find(({ name }: { name: string }) => name.startsWith("transformer block"));
  assert.is(block.facts.submits, 1);
});

test("medians are of the middle", () => {
  assert.is(median([5, 1, 9]), 5);
  assert.is(median([4, 1, 9, 2]), 3);
});

test.run();
