/** GLM-4 as a library: load a checkpoint, ask, stream the answers of one conversation. */
import { LanguageModel } from "@jaxscale/models";

const model = await LanguageModel.load(`${import.meta.dirname}/checkpoints/glm-4-tiny`);
const { modelType, numHiddenLayers } = model.config;
console.log(`${modelType}: ${numHiddenLayers} layers in ${model.model.dtype}`);

const chat = await model.chat({ doSample: false });
for (const question of ["What is the capital of France?", "And of Italy?", "What is 27 + 45?"]) {
  console.log(`\n> ${question}`);
  const answer = chat.send(question);
  let step = await answer.next();
  for (; !step.done; step = await answer.next()) process.stdout.write(step.value);
  const { promptTokens, cachedTokens, newTokens, finished } = step.value;
  console.log(
    `\n  ${promptTokens} tokens in beside ${cachedTokens} in the cache, ${newTokens} out, ended by ${finished}`,
  );
}

chat.dispose();
model.dispose();
