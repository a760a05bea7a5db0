/** Conversations that keep their caches, against the reference's answers and against conversations that start anew. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Chat, ChatSettings, Turn } from "../../packages/models/src/generate/chat.ts";
import { blobSource, folderFiles } from "../../packages/models/src/index.ts";
import { LanguageModel } from "../../packages/models/src/language-model.ts";
import { readJson, shipped } from "./fixtures.ts";

interface Golden {
  readonly name: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly prompt_ids: readonly number[];
  readonly output_ids: readonly number[];
  readonly output_text: string;
}
const glm = shipped("glm-4-tiny");
const flash = shipped("glm-4.7-flash-tiny");
const goldenOf = (folder: string, name: string): Golden =>
  (readJson(folder, "golden.json") as { cases: readonly Golden[] }).cases.find((one) => one.name === name) as Golden;

const greedy: ChatSettings = { doSample: false, repetitionPenalty: 1, maxNewTokens: 40, capacity: 128 };
const models = new Map<string, LanguageModel>();
for (const folder of [glm, flash]) models.set(folder, await LanguageModel.load(folder));
const chatWith = (folder: string, settings: ChatSettings = {}): Promise<Chat> =>
  (models.get(folder) as LanguageModel).chat({ ...greedy, ...settings });

async function ask(chat: Chat, question: string, signal?: AbortSignal): Promise<Turn & { readonly text: string }> {
  const pieces = chat.send(question, { signal });
  let text = "";
  for (;;) {
    const { done, value } = await pieces.next();
    if (done) return { ...value, text };
    text += value;
  }
}

test("turns of a conversation give the reference's texts, and take in only what is new", async () => {
  const { messages, prompt_ids, output_text } = goldenOf(glm, "follow-up-long");
  const chat = await chatWith(glm);
  const questions = messages.filter(({ role }) => role === "user").map(({ content }) => content);
  const answers = messages.filter(({ role }) => role === "assistant").map(({ content }) => content);
  for (const [i, question] of questions.entries()) {
    const turn = await ask(chat, question);
    assert.is(turn.text, [...answers, output_text][i]);
    assert.is(turn.finished, "stop");
    // The question, and the few tokens of the format around it.
    if (i > 0) assert.ok(turn.promptTokens <= 12, `${turn.promptTokens} new tokens`);
    if (i === 2) assert.is(turn.promptTokens + turn.cachedTokens, prompt_ids.length);
  }
  chat.dispose();
});

test("an answer with thoughts before it goes on, without the thoughts in what is repeated", async () => {
  const { output_text } = goldenOf(flash, "sum-thinking");
  const chat = await chatWith(flash, { enableThinking: true });
  const { text } = await ask(chat, "What is 27 + 45?");
  assert.is(text, output_text);
  const [, { content, reasoning_content }] = chat.messages;
  assert.equal([content, reasoning_content], ["27 + 45 = 72", "7+5=12, 2+4+1=7"]);
  const next = await ask(chat, "What is the capital of France?");
  // Up to the generation prompt of the first turn.
  assert.ok(next.cachedTokens < 30, `${next.cachedTokens}`);
  assert.match(next.text, /The capital of France is Paris\.$/);
  chat.dispose();
});

test("a system message stands at the beginning, of what follows a reset too", async () => {
  const { messages, output_text } = goldenOf(glm, "one-word");
  const chat = await chatWith(glm, { system: messages[0].content });
  assert.is((await ask(chat, messages[1].content)).text, output_text);
  chat.reset();
  const again = await ask(chat, messages[1].content);
  assert.is(again.text, output_text);
  // The same tokens, of which one is taken in for its logits.
  assert.is(again.promptTokens, 1);
  chat.dispose();
});

test("caches grow with a conversation, and answer as caches that were large at once", async () => {
  const questions = ["What is the capital of France?", "And of Italy?", "Name the planets."];
  const answers: string[][] = [];
  const capacities: number[][] = [];
  for (const capacity of [16, 128]) {
    const chat = await chatWith(glm, { capacity });
    const turns = [];
    for (const question of questions) turns.push(await ask(chat, question));
    answers.push(turns.map(({ text }) => text));
    capacities.push(turns.map((turn) => turn.capacity));
    chat.dispose();
  }
  assert.equal(answers[0], answers[1]);
  assert.is(capacities[0][0], 64);
  assert.ok(capacities[0][2] === 128, capacities[0].join());
  assert.ok(capacities[1].every((capacity) => capacity === 128));
});

test("a penalty counts what the conversation holds, and nothing that was forgotten", async () => {
  const settings: ChatSettings = { repetitionPenalty: 1.3, maxNewTokens: 12 };
  const kept = await chatWith(glm, settings);
  await ask(kept, "Name the planets.");
  kept.reset();
  const fresh = await chatWith(glm, settings);
  for (const question of ["What is the capital of France?", "And of Italy?"])
    assert.is((await ask(kept, question)).text, (await ask(fresh, question)).text);
  for (const chat of [kept, fresh]) chat.dispose();
});

test("the signal cuts an answer short; what was said of it stays, and the conversation goes on", async () => {
  const chat = await chatWith(glm);
  const controller = new AbortController();
  const pieces = chat.send("Name the planets.", { signal: controller.signal });
  let text = "";
  let turn: Turn | undefined;
  while (turn === undefined) {
    const { done, value } = await pieces.next();
    if (done) turn = value;
    else {
      text += value;
      controller.abort();
    }
  }
  assert.is(turn.finished, "aborted");
  assert.ok("The planets are Mercury".startsWith(text) && text !== "", text);
  assert.equal(chat.messages[1], { role: "assistant", content: text });
  chat.reset();
  assert.is((await ask(chat, "What is the capital of France?")).text, "The capital of France is Paris.");
  chat.dispose();
});

test("two messages at once, and a reset or disposal while it answers, are errors in words, and the answer goes on", async () => {
  const chat = await chatWith(glm);
  const question = "What is the capital of France?";
  const [first, second] = await Promise.allSettled([ask(chat, question), ask(chat, "And of Italy?")]);
  assert.is(first.status === "fulfilled" && first.value.text, "The capital of France is Paris.");
  assert.match(String(second.status === "rejected" && second.reason), /RangeError: chat: .*; got send while pieces/);
  const pieces = chat.send("And of Italy?");
  await pieces.next();
  assert.throws(() => chat.reset(), /chat: .*; got reset while pieces/);
  // Whoever has read enough says so, and may ask again.
  await pieces.return(undefined as never);
  assert.is(chat.messages.length, 2);
  assert.is((await ask(chat, "And of Italy?")).text, "The capital of Italy is Rome.");
  const last = chat.send(question);
  await last.next();
  chat.dispose();
  const error = await (async () => {
    while (!(await last.next()).done);
  })().catch(String);
  assert.match(String(error), /RangeError: chat: it must not be disposed of while it answers/);
});

/** The checkpoint with fewer positions. */
async function withPositions(count: number): Promise<LanguageModel> {
  const folder = folderFiles(glm);
  const text = JSON.stringify({ ...readJson(glm, "config.json"), max_position_embeddings: count });
  const config = blobSource("config.json", new Blob([text]));
  const open = async (name: string) => (name === "config.json" ? config : folder.open(name));
  return LanguageModel.load({ location: glm, open });
}

test("what the model's positions cut off says so, and a message that leaves no room is refused in words", async () => {
  const model = await withPositions(32);
  const chat = await model.chat({ ...greedy, capacity: 16 });
  const first = await ask(chat, "What is the capital of France?");
  assert.equal([first.text, first.finished], ["The capital of France is Paris.", "stop"]);
  const refusal = await ask(chat, "word ".repeat(20)).catch((e: Error) => `${e.name}: ${e.message}`);
  assert.match(
    String(refusal),
    /RangeError: chat: the conversation must fit the model's 32 positions .*; got \d+ tokens/,
  );
  // As it was before that message.
  const second = await ask(chat, "And of Italy?");
  assert.equal([second.finished, second.contextTokens], ["context", 32]);
  assert.ok("The capital of Italy is Rome.".startsWith(second.text), second.text);
  chat.dispose();
  model.dispose();
});

test("impossible settings are refused when the conversation begins", async () => {
  const error = await chatWith(glm, { temperature: -1 }).catch((e: Error) => e.message);
  assert.match(String(error), /temperature must be above 0/);
});

test.after(() => {
  for (const model of models.values()) model.dispose();
});
test.run();
