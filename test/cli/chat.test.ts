/** `jaxscale chat`, its lines piped in. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readJson, shipped } from "../models/fixtures.ts";
import { jaxscale, Running } from "./command.ts";

const glm = shipped("glm-4-tiny");
const flash = shipped("glm-4.7-flash-tiny");

interface Golden {
  readonly name: string;
  readonly messages: readonly { readonly content: string }[];
  readonly output_text: string;
}

test("two turns give the reference's texts, the second from the cache of the first; /reset and /stats work", async () => {
  const { cases } = readJson(flash, "golden.json") as { cases: readonly Golden[] };
  const { messages, output_text } = cases.find(({ name }) => name === "follow-up") as Golden;
  const [first, answer, second] = messages.map(({ content }) => content);
  const lines = ["", first, second, "/stats", "/reset", "/stats", "/nonsense", "/exit", first];
  const { code, output, errors } = await jaxscale(["chat", "--model_path", flash], { input: lines.join("\n") });
  assert.is(code, 0, errors);
  const printed = output.trimEnd().split("\n");
  assert.equal(printed.slice(0, 2), [answer, output_text]);
  const [prompt, speed, context, together, afterReset, ...rest] = printed.slice(2);
  assert.match(prompt, /^prompt +10 new tokens, 26 from the cache; first token after [\d.]+ s$/);
  assert.match(speed, /^answer +9 tokens, [\d.]+ tokens\/s$/);
  assert.match(context, /^context +45 of 1024 tokens; the caches have room for 1024$/);
  assert.match(together, /^together +2 answers, 19 tokens in [\d.]+ s$/);
  assert.equal([afterReset, ...rest], ["no answers yet"]);
  assert.match(errors, /\/nonsense: there is no such command/);
});

test("Ctrl-C stops an answer and not the program; twice without a line between leaves", async () => {
  // Nearly every token is as likely as any other, so that the answer goes on for long.
  const chaos = ["--sample", "--temperature", "50", "--top_p", "1", "--repetition_penalty", "1"];
  const running = new Running(["chat", "--model_path", glm, "--max_new_tokens", "900", ...chaos]);
  running.child.stdin.write("Tell me a story.\n");
  await running.until(/\S/);
  running.child.kill("SIGINT");
  await running.until(/\n/);
  running.child.stdin.write("/stats\n");
  await running.until(/together +1 answer,/);
  assert.match(running.errors, /\(stopped\)/);
  const [, tokens] = /answer +(\d+) tokens?,/.exec(running.output) as RegExpExecArray;
  assert.ok(Number(tokens) < 900, tokens);
  running.child.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 50));
  running.child.kill("SIGINT");
  const { code } = await running.ended;
  assert.is(code, 130);
});

test("a line that cannot be answered is said, and the exit code tells of it", async () => {
  const { code, output, errors } = await jaxscale(["chat", "--model_path", glm], {
    input: `${"word ".repeat(1200)}\nWhat is the capital of France?\n`,
  });
  assert.equal([code, output], [1, "The capital of France is Paris.\n"]);
  assert.match(errors, /RangeError: chat: the conversation must fit the model's 1024 positions/);
});

test.run();
