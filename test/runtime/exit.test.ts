/** A program's exit code is its own, whatever the device does at that moment. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Ended, runProgram } from "../child-process.ts";

// A crash at the end is a matter of chance.
const repeats = 3;

const runs = async (end: string, adapter: string): Promise<readonly Ended[]> => {
  const ended: Ended[] = [];
  for (let i = 0; i < repeats; i++)
    ended.push(await runProgram("runtime/exit-program.ts", { END: end, JAXSCALE_ADAPTER: adapter }));
  return ended;
};

const wanted: readonly (readonly [end: string, code: number, said: RegExp])[] = [
  ["exit", 3, /^/],
  ["throw", 1, /Error: uncaught on purpose/],
  ["exitWhileReading", 4, /^/],
  ["rejection", 1, /Error: rejected on purpose/],
  ["exitCode", 5, /^/],
  ["end", 0, /^/],
];

// An empty name is the adapter that is found without one.
for (const adapter of new Set([process.env.JAXSCALE_ADAPTER ?? "", "embedded"]))
  for (const [end, code, said] of wanted)
    test(`${end} while the device works gives code ${code} on ${adapter || "the default adapter"}`, async () => {
      for (const ended of await runs(end, adapter)) {
        assert.equal([ended.code, ended.signal], [code, null], ended.errors);
        assert.match(ended.errors, said);
      }
    });

test.run();
