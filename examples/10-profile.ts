/**
 * Where the time goes: a small GLM-4 answers while the device and the host are recorded.
 * `npx tsx examples/10-profile.ts [FOLDER]` writes a page to look at, a trace for https://ui.perfetto.dev, and both as data.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LanguageModel } from "@jaxscale/models";
import { profiler } from "jaxscale";

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), "jaxscale-profile-"));
const model = await LanguageModel.load(`${import.meta.dirname}/checkpoints/glm-4-tiny`);

async function ask(question: string): Promise<string> {
  const chat = await model.chat({ doSample: false });
  let answer = "";
  for await (const text of chat.send(question)) answer += text;
  chat.dispose();
  return answer;
}

// The first answers compile; what is to be seen is the next ones.
const countries = ["France", "Italy"];
for (const country of countries) await ask(`What is the capital of ${country}?`);

const recording = await profiler.trace(
  folder,
  async () => {
    // `annotate` adds spans of your own to the host's track.
    for (const country of countries)
      console.log(await profiler.annotate(country, () => ask(`What is the capital of ${country}?`)));
  },
  { name: "glm-4-tiny" },
);

console.log(`\n${recording.table({ top: 15 })}\n\nto look at: ${join(folder, "index.html")}`);
model.dispose();
