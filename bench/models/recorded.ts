/**
 * What llama.cpp reaches with the same shapes and random weights: recorded, not measured in this run. llama.cpp 0.5.0-dev by the
 * prebuilt packages of npm's node-llama-cpp 3.22, two processors, Mesa lavapipe 25; architectures `glm4`, and `deepseek2` for Flash.
 */
export interface Recorded {
  readonly decodeMs: number;
  readonly prefillGigaflopsPerSecond: number;
  /** With an empty shader cache, to the first token. */
  readonly coldSeconds?: number;
}

export const recorded: Readonly<Record<string, { readonly vulkan?: Recorded; readonly cpu: Recorded }>> = {
  glm4: {
    // Its binding limit raised by force, so that all of the weights are on the adapter.
    vulkan: { decodeMs: 856.4, prefillGigaflopsPerSecond: 17.8, coldSeconds: 720 },
    cpu: { decodeMs: 75.8, prefillGigaflopsPerSecond: 110 },
  },
  // With Vulkan given up after half an hour without a token.
  flash: { cpu: { decodeMs: 44.7, prefillGigaflopsPerSecond: 67 } },
};
