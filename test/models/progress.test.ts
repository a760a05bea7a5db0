import { formatBytes, formatProgress } from "@jaxscale/models";
import { test } from "uvu";
import * as assert from "uvu/assert";

test("bytes are told in three digits and decimal units", () => {
  const told = [0, 999, 1000, 999_499, 999_500, 4_583_392, 18.8e9, 2e12, 5e15].map(formatBytes);
  assert.equal(told, ["0 B", "999 B", "1.00 kB", "999 kB", "1.00 MB", "4.58 MB", "18.8 GB", "2.00 TB", "5000 TB"]);
});

test("progress is one line with a bar, bytes and rate, as wide as it may be", () => {
  const progress = { name: "x", doneBytes: 1.5e9, totalBytes: 6e9, elapsedMs: 5000, bytesPerSecond: 3e8 };
  const line = formatProgress(progress, 80);
  assert.is(line, `${"█".repeat(10)}${"░".repeat(30)}  25 %  1.50 GB of 6.00 GB  300 MB/s`);
  assert.is(formatProgress(progress, 20).length, 20);
  assert.match(formatProgress({ ...progress, doneBytes: 0, totalBytes: 0 }), /100 %/);
});

test.run();
