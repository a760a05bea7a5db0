/** `npm start`: two small trained models answer questions; then, in a terminal, one of them answers yours. */
import { Conversation, exitOnOutputErrors } from "@jaxscale/cli";
import { type Chat, LanguageModel, parametersOf } from "@jaxscale/models";
import * as jax from "jaxscale";

/** Questions within brackets are one conversation. */
const shows = [
  {
    name: "glm-4-tiny",
    conversations: [
      ["What is the capital of France?", "And of Italy?"],
      ["What is 27 + 45?"],
      ["What is a KV cache?"],
      ["Tell me a story about a cat."],
      ["法国的首都是哪里？"],
    ],
  },
  {
    name: "glm-4.7-flash-tiny",
    conversations: [
      ["What is the capital of Germany?", "What language do they speak there?"],
      ["What is 7 x 8?"],
      ["What is MLA?"],
      ["Tell me a story about a cat."],
      ["你好"],
    ],
  },
] as const;

const dim = (text: string): string => (process.stdout.isTTY && !process.env.NO_COLOR ? `\x1b[2m${text}\x1b[0m` : text);
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

async function load(name: string): Promise<LanguageModel> {
  const startedAt = performance.now();
  const model = await LanguageModel.load(`${import.meta.dirname}/checkpoints/${name}`);
  const parameters = Object.values(parametersOf(model.model));
  const count = parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const facts = [model.config.modelType, `${(count / 1e6).toFixed(2)} M parameters`, model.model.dtype];
  console.log(`\n${name} (${facts.join(", ")}), loaded in ${seconds(performance.now() - startedAt)}`);
  return model;
}

/** Streams the answer. */
async function ask(chat: Chat, question: string): Promise<void> {
  console.log(`> ${question}`);
  const answer = chat.send(question);
  let step = await answer.next();
  for (; !step.done; step = await answer.next()) process.stdout.write(step.value);
  const { newTokens, timeToFirstTokenMs, decodeTokensPerSecond } = step.value;
  const pace = `${newTokens} tokens, the first after ${seconds(timeToFirstTokenMs)}, then ${decodeTokensPerSecond.toFixed(0)} tokens/s`;
  console.log(`\n${dim(`  ${pace}`)}`);
}

exitOnOutputErrors();
console.log(`JaxScale on ${(await jax.ready()).name}`);
const chats: Chat[] = [];
for (const { name, conversations } of shows) {
  const model = await load(name);
  const chat = await model.chat({ doSample: false });
  chats.push(chat);
  for (const questions of conversations) {
    chat.reset();
    console.log();
    for (const question of questions) await ask(chat, question);
  }
}

if (process.stdin.isTTY && process.stdout.isTTY) {
  const [{ name }] = shows;
  console.log(`\nNow ask ${name} yourself. It is small: examples/checkpoints/${name}/README.md says what it knows.`);
  chats[0].reset();
  await new Conversation(chats[0], process.stdin, process.stdout).run();
}
