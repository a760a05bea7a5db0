import { test } from "uvu";
import * as assert from "uvu/assert";
import { jaxscale } from "./command.ts";

test("doctor --devices lists the logical devices with their GPU, and how to have more", async () => {
  const { code, output } = await jaxscale(["doctor", "--devices"], {
    env: { JAXSCALE_DEVICES: "4", JAXSCALE_ADAPTER: "any,any" },
  });
  assert.is(code, 0);
  const [heading, ...rows] = output.split("\n");
  assert.match(heading, /^device +GPU +backend +memory of its GPU/);
  for (let i = 0; i < 4; i++) assert.match(rows[i], new RegExp(`^${i} +${i < 2 ? 0 : 1} .*GiB  \\S`));
  assert.match(output, /JAXSCALE_DEVICES=8 divides/);
});

test("doctor examines each GPU that is named", async () => {
  const { code, output } = await jaxscale(["doctor"], { env: { JAXSCALE_ADAPTER: "any,any" } });
  assert.is(code, 0);
  assert.equal(
    output.match(/^GPU \d\nadapter +\S/gm)?.map((text) => text.slice(0, 5)),
    ["GPU 0", "GPU 1"],
  );
});

test.run();
