/** Generation as a library: text, limits, ends, abort, and what a step is on the device. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { GenerateOptions } from "../../packages/models/src/generate/generate.ts";
import { CausalLM, openCheckpoint, parametersOf, setParameters } from "../../packages/models/src/index.ts";
import { LanguageModel } from "../../packages/models/src/language-model.ts";
import { readJson, shipped } from "./fixtures.ts";

interface Golden {
  readonly name: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly prompt: string;
  readonly prompt_ids: readonly number[];
  readonly output_ids: readonly number[];
  readonly output_text: string;
}
const folder = shipped("glm-4-tiny");
const { cases } = readJson(folder, "golden.json") as { cases: readonly Golden[] };
const golden = (name: string): Golden => cases.find((one) => one.name === name) as Golden;
const greedy = { doSample: false, maxNewTokens: 96 } as const;

const model = await LanguageModel.load(folder);

test("conversations and texts, together, give the reference's texts in pieces of whole characters", async () => {
  const asked = ["chinese-hello", "capital-france"].map(golden);
  const texts = asked.map(() => "");
  for await (const step of model.generateText([asked[0].messages, asked[1].prompt], greedy))
    step.texts.forEach((piece, row) => {
      assert.not.match(piece, /\ufffd/);
      texts[row] += piece;
    });
  assert.equal(
    texts,
    asked.map(({ output_text }) => output_text),
  );
});

test("steps say which rows they end, and why; usage counts tokens", async () => {
  const asked = ["capital-france", "story"].map(golden);
  const generated = model.generate(
    asked.map(({ prompt_ids }) => prompt_ids),
    { ...greedy, eosTokenIds: [2007], maxNewTokens: 52 },
  );
  const finished: (string | undefined)[][] = [[], []];
  for (;;) {
    const { done, value } = await generated.next();
    if (!done) {
      value.finished.forEach((reason, row) => finished[row].push(reason));
      continue;
    }
    assert.is(value.promptTokens, asked[0].prompt_ids.length + asked[1].prompt_ids.length);
    assert.is(value.newTokens, asked[0].output_ids.length + 52);
    assert.ok(value.timeToFirstTokenMs > 0 && value.decodeTokensPerSecond > 0);
    break;
  }
  const at = asked[0].output_ids.length - 1;
  assert.equal(
    finished[0].flatMap((reason, i) => (reason ? [i, reason] : [])),
    [at, "stop"],
  );
  assert.equal(
    finished[1].flatMap((reason, i) => (reason ? [i, reason] : [])),
    [51, "length"],
  );
});

const forever: GenerateOptions = { doSample: false, eosTokenIds: [] };
const prompt = golden("capital-france").prompt_ids;

async function countersOf(
  maxNewTokens: number,
): Promise<Readonly<Record<"launches" | "submits" | "pipelines" | "groups" | "buffers", number>>> {
  const before = { ...jax.statistics() };
  for await (const _ of model.generate([prompt], { ...forever, maxNewTokens }));
  const after = jax.statistics();
  return {
    launches: after.launches - before.launches,
    submits: after.submits - before.submits,
    pipelines: after.pipelinesCreated - before.pipelinesCreated,
    groups: after.bindGroupsCreated - before.bindGroupsCreated,
    buffers: after.buffersCreated - before.buffersCreated,
  };
}

test("a step and the read of its token are two launches and one submit, and compile nothing", async () => {
  await countersOf(8);
  const [few, many] = [await countersOf(8), await countersOf(40)];
  assert.is(many.launches - few.launches, 2 * 32);
  assert.is(many.submits - few.submits, 32);
  assert.is(many.pipelines, 0);
});

test("steps write over what the ones before handed on: they make no buffers and no bind groups of their own", async () => {
  await countersOf(24);
  const { groups, buffers } = await countersOf(24);
  const longer = await countersOf(44);
  // The garbage collector may have its say in a few; each of 20 steps more would need several of both.
  assert.ok(longer.buffers - buffers < 20, `${longer.buffers - buffers} buffers`);
  assert.ok(longer.groups - groups < 20, `${longer.groups - groups} bind groups`);
});

test("steps are launched ahead of the tokens that are read, and as many as asked for", async () => {
  for (const stepsAhead of [0, 5]) {
    const generated = model.generate([prompt], { ...forever, maxNewTokens: 12, stepsAhead });
    await generated.next();
    const before = jax.statistics().launches;
    await generated.next();
    // With the second token wanted, those behind it are under way.
    assert.is(jax.statistics().launches - before, 2);
    let tokens = 2;
    for await (const _ of generated) tokens++;
    assert.is(tokens, 12);
  }
});

test("only token ids come back from the device: nothing reads logits", async () => {
  const { data } = jax.DeviceArray.prototype;
  const shapes: string[] = [];
  jax.DeviceArray.prototype.data = function (this: jax.DeviceArray) {
    shapes.push(`${this.dtype}[${this.shape.join(",")}]`);
    return data.call(this);
  };
  try {
    for await (const _ of model.generate([prompt], { ...forever, doSample: true, topP: 1, topK: 0, maxNewTokens: 6 }));
  } finally {
    jax.DeviceArray.prototype.data = data;
  }
  assert.equal(shapes, new Array(6).fill("int32[1]"));
});

test("the signal stops it, before and between tokens, and the caches' memory comes back", async () => {
  const isAborted = (error: unknown): boolean => (error as Error).name === "AbortError";
  const run = async (signal: AbortSignal, onStep: () => void): Promise<number> => {
    let steps = 0;
    try {
      for await (const _ of model.generate([prompt], { ...forever, maxNewTokens: 50, signal })) {
        steps++;
        onStep();
      }
    } catch (error) {
      assert.ok(isAborted(error), String(error));
      return steps;
    }
    throw new Error("it went on to the end");
  };
  assert.is(await run(AbortSignal.abort(), () => {}), 0);
  const controller = new AbortController();
  const before = jax.statistics().bytesInUse;
  assert.is(await run(controller.signal, () => controller.abort()), 1);
  // Caches for 64 tokens: 5 layers of keys and values, 2 heads of 32 bfloat16 each.
  const caches = 5 * 2 * 64 * 2 * 32 * 2;
  assert.ok(jax.statistics().bytesInUse - before < caches / 2, `${jax.statistics().bytesInUse - before} bytes stay`);
});

test("what cannot be is refused in words", async () => {
  const refused = async (prompts: number[][], options: GenerateOptions, rule: RegExp): Promise<void> => {
    const error = await model
      .generate(prompts, options)
      .next()
      .then(
        () => "nothing",
        (e: Error) => `${e.name}: ${e.message}`,
      );
    assert.match(error, rule);
  };
  const some = [...prompt];
  await refused([some], { maxNewTokens: 2000 }, /RangeError: .*must fit the model's 1024 positions; got 2013/);
  await refused([[]], greedy, /RangeError: .*a token at least/);
  await refused([], greedy, /RangeError: .*there must be a prompt/);
  await refused(
    "Hello" as never,
    greedy,
    /TypeError: generate: prompts must be a list of lists of token ids; got "Hello"/,
  );
  await refused(
    [7] as never,
    greedy,
    /TypeError: generate: prompts must be a list of lists of token ids, one list a row; got 7/,
  );
  const text = await model
    .generateText("Hello" as never)
    .next()
    .catch(String);
  assert.is(text, 'TypeError: generateText: prompts must be a list of texts or conversations; got "Hello"');
  await refused([[5000]], greedy, /RangeError: .*below the vocabulary's 2048.*got 5000/);
  await refused([some], { temperature: 0, doSample: true }, /RangeError: .*temperature must be above 0/);
  await refused([some], { topP: 2 }, /RangeError: .*topP must lie between 0 and 1; got 2/);
  await refused([some], { stepsAhead: -5 }, /RangeError: generate: stepsAhead must be an integer, at least 0; got -5$/);
  await refused([some], { maxNewTokens: 0 }, /RangeError: .*maxNewTokens must be an integer, at least 1/);
});

test("a model without a checkpoint has tokens and no text", async () => {
  const bare = new LanguageModel(model.model, model.generation);
  const error = await bare.tokenizer().catch((e: Error) => e.message);
  assert.match(String(error), /must come from a checkpoint with one/);
});

test("other settings, and other ends, need no other programs", async () => {
  const drawn: GenerateOptions = {
    ...forever,
    doSample: true,
    topK: 40,
    topP: 0.9,
    repetitionPenalty: 1.1,
    maxNewTokens: 4,
  };
  const run = async (options: GenerateOptions): Promise<number> => {
    const { pipelinesCreated } = jax.statistics();
    for await (const _ of model.generate([prompt], options));
    return jax.statistics().pipelinesCreated - pipelinesCreated;
  };
  assert.ok((await run(drawn)) > 0);
  assert.is(await run({ ...drawn, temperature: 0.3, topK: 7, topP: 0.5, repetitionPenalty: 1.4, seed: 5 }), 0);
  assert.is(await run({ ...drawn, eosTokenIds: [1, 2, 3], padTokenId: 4 }), 0);
});

test("the forward pass of greedy and of drawn tokens is one program", async () => {
  await countersOf(4);
  const { pipelinesCreated } = jax.statistics();
  const choosing = model.generate([prompt], { ...forever, doSample: true, topK: 0, topP: 1, maxNewTokens: 4 });
  for await (const _ of choosing);
  // A layer alone has more; these choose.
  assert.ok(jax.statistics().pipelinesCreated - pipelinesCreated < 8);
});

test("a temperature next to 0 is greedy", async () => {
  const tokensOf = async (options: GenerateOptions): Promise<readonly number[]> => {
    const tokens: number[] = [];
    for await (const step of model.generate([prompt], { ...forever, maxNewTokens: 8, ...options }))
      tokens.push(...step.tokens);
    return tokens;
  };
  assert.equal(await tokensOf({ doSample: true, temperature: 1e-42 }), await tokensOf({ doSample: false }));
});

test("thousands of end-of-text ids end a row as one does, in one comparison", async () => {
  const { output_ids } = golden("capital-france");
  const end = output_ids[output_ids.length - 1];
  const eosTokenIds = [...Array.from({ length: 5000 }, (_, i) => 100_000 + i), end];
  const tokens: number[] = [];
  for await (const step of model.generate([prompt], { ...greedy, eosTokenIds })) tokens.push(...step.tokens);
  assert.equal(tokens, output_ids);
});

test("NaN logits are an error that says where, not a text", async () => {
  const broken = new LanguageModel(await brokenModel(), model.generation);
  const error = await (async () => {
    for await (const _ of broken.generate([prompt], { ...forever, maxNewTokens: 4 }));
  })().catch(String);
  assert.match(
    String(error),
    /RangeError: generate: logits must be finite; got NaN or infinite ones for row 0 at new token 1/,
  );
});

/** The model with a norm of NaN. */
async function brokenModel(): Promise<CausalLM> {
  const { config, load } = await openCheckpoint(folder);
  const broken = new CausalLM(config, model.model.dtype);
  const values = await load(parametersOf(broken));
  const { shape, dtype } = values["model.norm.weight"];
  setParameters(broken, { ...values, "model.norm.weight": jax.numpy.full(shape, Number.NaN, { dtype }) });
  return broken;
}

test("a tokenizer that could not be read is tried again, one that was read is kept", async () => {
  let tries = 0;
  const flaky = new LanguageModel(model.model, model.generation, () => {
    if (++tries === 1) return Promise.reject(new Error("the network is down"));
    return model.tokenizer();
  });
  assert.match(String(await flaky.tokenizer().catch(String)), /the network is down/);
  assert.is(await flaky.tokenizer(), await flaky.tokenizer());
  assert.is(tries, 2);
});

test("a step that fails behind one that is not read yet rejects the read, and not the process", async () => {
  const { data } = jax.DeviceArray.prototype;
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => {
    unhandled.push(error);
  };
  process.on("unhandledRejection", onUnhandled);
  let reads = 0;
  jax.DeviceArray.prototype.data = function (this: jax.DeviceArray) {
    return ++reads < 3 ? data.call(this) : Promise.reject(new jax.DeviceError("decode: must run; got a lost device"));
  };
  try {
    const generated = model.generate([prompt], { ...forever, maxNewTokens: 8 });
    await generated.next();
    // Node looks for rejections without a handler at the end of a turn.
    await new Promise((resolve) => setTimeout(resolve, 20));
    const error = await (async () => {
      for await (const _ of generated);
    })().catch(String);
    assert.match(String(error), /DeviceError: decode: must run; got a lost device/);
    assert.equal(unhandled, []);
  } finally {
    jax.DeviceArray.prototype.data = data;
    process.off("unhandledRejection", onUnhandled);
  }
});

test.after(() => model.dispose());
test.run();
