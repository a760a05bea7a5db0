/**
 * What llama.cpp takes for the same prompt and step with the same shapes and random weights: recorded, not measured in this run. llama.cpp
 * 0.5.0-dev by the prebuilt packages of npm's node-llama-cpp 3.22, two processors, Mesa lavapipe 25; architectures `glm4`, and
 * `deepseek2` for Flash. Of several runs the fastest counts.
 *
 * Times, not rates: before the last layer's feed-forward llama.cpp drops all rows of a prompt but the last, and counts only what it
 * computes. The times of prompts are what it computes of 512 rows without attention's pairs (247 GFLOP of 419 of GLM-4's two layers, 181
 * of 229 of Flash's three) over its fastest rate, which counts the same.
 */
export interface Recorded {
  readonly decodeMs: number;
  /** Of 512 tokens, to the logits of the last. */
  readonly prefillMs: number;
  /** With an empty shader cache, to the first token. */
  readonly coldSeconds?: number;
}

export const recorded: Readonly<Record<string, { readonly vulkan?: Recorded; readonly cpu: Recorded }>> = {
  glm4: {
    // Its binding limit raised by force, so that all of the weights are on the adapter. 813 to 990 ms; 9.3 to 10.5 GFLOP/s.
    vulkan: { decodeMs: 813, prefillMs: 23_500, coldSeconds: 300 },
    // 53 to 76 ms; 58 to 65 GFLOP/s.
    cpu: { decodeMs: 53, prefillMs: 3800 },
  },
  // 53 GFLOP/s. With Vulkan given up after half an hour without a token.
  flash: { cpu: { decodeMs: 44.7, prefillMs: 3410 } },
};
