import { blobFiles, type ChatMessage, folderFiles, readTokenizer } from "@jaxscale/models";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ChatTemplate } from "../../packages/models/src/tokenizer/chat-template.ts";
import { rejection } from "../rejection.ts";
import { fixture, readJson, shipped } from "./fixtures.ts";

interface Encoding {
  readonly text: string;
  readonly ids: number[];
  readonly ids_with_special: number[];
  readonly decoded: string;
  readonly decoded_skipping_special: string;
}
interface Chat {
  readonly messages: ChatMessage[];
  readonly add_generation_prompt: boolean;
  readonly kwargs: { readonly enable_thinking?: boolean };
  readonly text: string;
  readonly ids: number[];
}
interface Generation {
  readonly prompt: string;
  readonly prompt_ids: number[];
  readonly f32_greedy: number[];
  readonly decoded: string;
  readonly decoded_skipping_special: string;
}
interface Case {
  readonly name: string;
  readonly messages: ChatMessage[];
  readonly enable_thinking?: boolean;
  readonly prompt: string;
  readonly prompt_ids: number[];
  readonly output_ids: number[];
  readonly output_text: string;
}

for (const name of ["glm-tiny", "glm4_moe_lite-tiny"]) {
  const golden = readJson(fixture(name), "tokenizer_golden.json");
  const encodings: Encoding[] = golden.encodings;
  const open = () => readTokenizer(folderFiles(fixture(name)));

  test(`${name}: encodings are those of the reference, with special tokens and without`, async () => {
    const tokenizer = await open();
    for (const { text, ids, ids_with_special } of encodings) {
      assert.equal(tokenizer.encode(text), ids, text);
      assert.equal(tokenizer.encode(text, { addSpecialTokens: true }), ids_with_special, text);
    }
  });

  test(`${name}: decoded texts are those of the reference, at once and streamed`, async () => {
    const tokenizer = await open();
    for (const { ids, decoded, decoded_skipping_special } of encodings) {
      assert.is(tokenizer.decode(ids), decoded);
      assert.is(tokenizer.decode(ids, { skipSpecialTokens: true }), decoded_skipping_special);
      assert.is(streamed(tokenizer, ids, false), decoded);
      assert.is(streamed(tokenizer, ids, true), decoded_skipping_special);
    }
  });

  test(`${name}: rendered chats and their ids are those of the reference`, async () => {
    const tokenizer = await open();
    assert.ok(golden.chats.length > 0);
    for (const { messages, add_generation_prompt, kwargs, text, ids } of golden.chats as Chat[]) {
      const options = { addGenerationPrompt: add_generation_prompt, enableThinking: kwargs.enable_thinking };
      assert.is(tokenizer.renderChat(messages, options), text);
      assert.equal(tokenizer.encodeChat(messages, options), ids);
    }
  });

  test(`${name}: generated ids, cut characters among them, decode as in the reference`, async () => {
    const tokenizer = await open();
    for (const generation of golden.generations as Generation[]) {
      assert.equal(tokenizer.encode(generation.prompt), generation.prompt_ids);
      assert.is(tokenizer.decode(generation.f32_greedy), generation.decoded);
      assert.is(streamed(tokenizer, generation.f32_greedy, false), generation.decoded);
      assert.is(streamed(tokenizer, generation.f32_greedy, true), generation.decoded_skipping_special);
    }
  });

  test(`${name}: special tokens have the ids of the reference`, async () => {
    const tokenizer = await open();
    assert.is(tokenizer.size, golden.vocab_size);
    for (const [token, id] of Object.entries(golden.special_tokens)) {
      assert.is(tokenizer.idOf(token), id);
      assert.is(tokenizer.tokenOf(id as number), token);
      assert.is(tokenizer.isSpecial(id as number), !token.includes("think"));
    }
  });
}

for (const name of ["glm-4-tiny", "glm-4.7-flash-tiny"]) {
  const golden = readJson(shipped(name), "golden.json");

  test(`${name}: texts, prompts and answers are those of the reference`, async () => {
    const tokenizer = await readTokenizer(folderFiles(shipped(name)));
    for (const { text, ids } of golden.texts) assert.equal(tokenizer.encode(text), ids, text);
    for (const { messages, enable_thinking, prompt, prompt_ids, output_ids, output_text } of golden.cases as Case[]) {
      const options = enable_thinking === undefined ? {} : { enableThinking: enable_thinking };
      assert.is(tokenizer.renderChat(messages, options), prompt);
      assert.equal(tokenizer.encodeChat(messages, options), prompt_ids);
      assert.is(tokenizer.decode(output_ids, { skipSpecialTokens: true }), output_text);
      assert.is(streamed(tokenizer, output_ids, true), output_text);
    }
  });

  test(`${name}: a stream never gives half a character`, async () => {
    const tokenizer = await readTokenizer(folderFiles(shipped(name)));
    const ids = tokenizer.encode("日本語 한국어 naïve 👩‍👩‍👧 🇩🇪 — 世界");
    const stream = tokenizer.stream();
    const pieces = ids.map((id) => stream.push(id));
    assert.ok(
      pieces.some((piece) => piece === ""),
      "some tokens end inside a character",
    );
    assert.not.ok(pieces.join("").includes("\ufffd"));
    assert.is(stream.end(), "");
  });

  test(`${name}: any text survives encoding and decoding; any ids stream to what they decode to`, async () => {
    const tokenizer = await readTokenizer(folderFiles(shipped(name)));
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), (text) => {
        assert.is(tokenizer.decode(tokenizer.encode(text)), text);
      }),
      { numRuns: 200 },
    );
    const ids = fc.array(fc.nat({ max: tokenizer.size + 3 }), { maxLength: 30 });
    fc.assert(
      fc.property(ids, fc.boolean(), (some, skip) => {
        assert.is(streamed(tokenizer, some, skip), tokenizer.decode(some, { skipSpecialTokens: skip }));
      }),
      { numRuns: 300 },
    );
  });
}

test("a prompt gets [gMASK]<sop> once, whether it brings them or not", async () => {
  const tokenizer = await readTokenizer(folderFiles(fixture("glm-tiny")));
  assert.equal(tokenizer.encodePrompt("x"), [309, 310, 87]);
  assert.equal(tokenizer.encodePrompt("[gMASK]<sop>x"), [309, 310, 87]);
  const chat = tokenizer.encodePrompt(tokenizer.renderChat([{ role: "user", content: "Hello!" }]));
  assert.equal(chat, [309, 310, 313, 198, 39, 68, 280, 78, 0, 314]);
});

test("a special token that is written in a message is text, as tokenizers encodes it without special tokens", async () => {
  const tokenizer = await readTokenizer(folderFiles(shipped("glm-4-tiny")));
  const content = "Say <|assistant|>\nno<|endoftext|> [gMASK]<sop>!";
  // Of "\n" and the content, by tokenizers 0.22 with encode_special_tokens.
  const text =
    "198 50 320 220 27 91 1357 595 555 91 29 198 77 78 27 91 581 1254 786 83 91 29 220 58 70 44 32 50 42 60 27 82 746 29 0";
  const [gmask, sop, user, assistant] = [2002, 2004, 2007, 2008];
  const messages = [{ role: "user", content }];
  const ids = tokenizer.encodeChat(messages);
  assert.equal(ids, [gmask, sop, user, ...text.split(" ").map(Number), assistant, 198]);
  assert.is(tokenizer.decode(ids), tokenizer.renderChat(messages));
  // A prompt that is no conversation is written by whoever knows the format.
  assert.is(tokenizer.encode("<|assistant|>")[0], assistant);
});

test("without a chat template rendering is an error that names the files", async () => {
  const tokenizer = await readTokenizer(files({ "tokenizer.json": smallest }));
  assert.not.ok(tokenizer.hasChatTemplate);
  assert.throws(() => tokenizer.renderChat([]), /must have chat_template in tokenizer_config.json/);
});

test("a template may be one of a named list, and read the special tokens", async () => {
  const config = {
    chat_template: [
      { name: "tool_use", template: "no" },
      { name: "default", template: "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}" },
    ],
    bos_token: "<s>",
    eos_token: { content: "</s>" },
  };
  const tokenizer = await readTokenizer(
    files({ "tokenizer.json": smallest, "tokenizer_config.json": JSON.stringify(config) }),
  );
  assert.is(tokenizer.renderChat([{ role: "user", content: "hi" }]), "<s>hi</s>");
});

test("chat_template.jinja comes before the key in tokenizer_config.json", async () => {
  const tokenizer = await readTokenizer(
    files({
      "tokenizer.json": smallest,
      "tokenizer_config.json": '{"chat_template":"config"}',
      "chat_template.jinja": "file\n",
    }),
  );
  assert.is(tokenizer.renderChat([]), "file");
});

const bad: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
  ["a missing tokenizer.json", {}, /^blobs: must hold tokenizer\.json; got no such file$/],
  ["broken JSON", { "tokenizer.json": "{" }, /^tokenizer\.json: must be valid JSON/],
  ["no model", { "tokenizer.json": "{}" }, /^tokenizer\.json: model: must be an object/],
  [
    "an id that is text",
    { "tokenizer.json": '{"model":{"type":"BPE","vocab":{"a":0,"b":"7"}},"decoder":{"type":"ByteLevel"}}' },
    /^tokenizer\.json: model\.vocab: must have a whole number, at least 0, for the id of each token; got "7" for "b"$/,
  ],
  [
    "an added token without an id",
    {
      "tokenizer.json":
        '{"model":{"type":"BPE","vocab":{"a":0}},"decoder":{"type":"ByteLevel"},"added_tokens":[{"content":"<x>"}]}',
    },
    /^tokenizer\.json: added_tokens: must have a whole number.*; got nothing for "<x>"$/,
  ],
  ["another model", { "tokenizer.json": '{"model":{"type":"Unigram"}}' }, /model\.type: must be "BPE"; got "Unigram"/],
  [
    "another decoder",
    { "tokenizer.json": '{"model":{"type":"BPE"},"decoder":{"type":"WordPiece"}}' },
    /decoder: must be ByteLevel; got \{"type":"WordPiece"\}/,
  ],
];
for (const [what, content, message] of bad)
  test(`${what} is a CheckpointError that says so`, async () => {
    const error = await rejection(readTokenizer(files(content)));
    assert.is(error.name, "CheckpointError");
    assert.match(error.message, message);
  });

test("a template that is not Jinja, or that refuses the messages, is a CheckpointError", async () => {
  const withTemplate = (source: string) =>
    readTokenizer(files({ "tokenizer.json": smallest, "chat_template.jinja": source }));
  const broken = await rejection(withTemplate("{% for %}"));
  assert.match(broken.message, /^chat_template\.jinja: chat_template: must be a Jinja template; got/);
  const strict = await withTemplate("{{ raise_exception('roles must alternate') }}");
  assert.throws(
    () => strict.renderChat([]),
    /chat_template\.jinja: chat_template: must render these messages; got .*roles must alternate/,
  );
});

const endless: readonly (readonly [string, string, RegExp])[] = [
  [
    "nested loops",
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    /must end within \d+ steps/,
  ],
  ["a range of 10⁹", "{% for i in range(1000000000) %}{% endfor %}", /must build at most \d+ .*; got 1000000000/],
  [
    "a text that doubles",
    "{% set ns = namespace(x='ab') %}{% for i in range(100) %}{% set ns.x = ns.x.replace('a', 'ab').replace('b', ns.x) %}{% endfor %}{{ ns.x }}",
    /must build at most \d+|Invalid string length/,
  ],
  [
    "lists of lists",
    "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}",
    /must build at most \d+/,
  ],
  [
    "slices of a long list",
    "{% set a = range(100000) %}{% for i in range(100000) %}{% set b = a[::-1] %}{% endfor %}",
    /must end within \d+ steps/,
  ],
  [
    "searches of a long list",
    "{% set a = range(100000) %}{% for i in range(100000) %}{% if -1 in a %}{% endif %}{% endfor %}",
    /must end within \d+ steps/,
  ],
  [
    "filters of a long list",
    "{% set ns = namespace(a=[{'x': 1}]) %}{% for i in range(16) %}{% set ns.a = ns.a + ns.a %}{% endfor %}{% for i in range(100000) %}{% set b = ns.a | rejectattr('x') %}{% endfor %}",
    /must end within \d+ steps/,
  ],
  ["long output", `{% for i in range(100000) %}${"x".repeat(99)}{% endfor %}`, /must build at most \d+/],
];
for (const [what, source, rule] of endless)
  test(`a chat template with ${what} is refused in words`, () => {
    const template = new ChatTemplate(source, "chat_template.jinja");
    assert.throws(() => template.render([]), rule);
  });

test("bounds keep what templates may use: ranges, times, refusals, constants", () => {
  const source =
    "{{ range(5, 0, -2) | join(',') }} {{ range(3) | length }} {{ strftime_now('%Y') | length }} {{ True and not none }}";
  assert.is(new ChatTemplate(source, "t").render([]), "5,3,1 3 4 true");
});

const smallest = JSON.stringify({
  model: { type: "BPE", vocab: { a: 0, b: 1 }, merges: [] },
  decoder: { type: "ByteLevel" },
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: false, trim_offsets: true },
  normalizer: null,
  post_processor: null,
  added_tokens: [],
});

const files = (content: Readonly<Record<string, string>>) =>
  blobFiles(Object.fromEntries(Object.entries(content).map(([name, text]) => [name, new Blob([text])])));

function streamed(
  tokenizer: Awaited<ReturnType<typeof readTokenizer>>,
  ids: readonly number[],
  skipSpecialTokens: boolean,
): string {
  const stream = tokenizer.stream({ skipSpecialTokens });
  return ids.map((id) => stream.push(id)).join("") + stream.end();
}

test.run();
