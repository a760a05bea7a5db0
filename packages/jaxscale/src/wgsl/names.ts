/** Identifiers: distinct, legal, and none that WGSL or the printer uses itself. */
import { reservedWords } from "./reserved-words.ts";

// Type and function names may be shadowed in WGSL, which would break the text that uses them.
const used = `
  abs acos array asin atan atan2 atomic atomicAdd atomicAnd atomicCompareExchangeWeak atomicExchange atomicLoad
  atomicMax atomicMin atomicOr atomicStore atomicXor bitcast bool ceil clamp cos countLeadingZeros countOneBits
  cross dot exp exp2 f16 f32 floor fma function i32 immediate immediates inverseSqrt log log2 main max min pow
  private ptr read read_write round select sign sin sqrt storage storageBarrier subgroupAdd subgroupBroadcast
  subgroupBroadcastFirst subgroupMax subgroupMin subgroupShuffle subgroupShuffleXor subgroup_size
  subgroup_invocation_id tan texture trunc u32 uniform uniforms unpack vec2 vec3 vec4 workgroup workgroupBarrier
  workgroup_id local_invocation_id num_workgroups zero_bits Immediates base binding_array buffer error global group
  half handle id in input inout is line linear matrix mesh native noise non output out packed pixel point priority
  sample string task mat2 mat3 mat4 sampler
`
  .trim()
  .split(/\s+/);

export class Names {
  readonly #used = new Set([...reservedWords, ...used]);

  /** `wanted`, or `wanted_1` … when that is taken. */
  fresh(wanted: string): string {
    const clean = wanted.replace(/[^A-Za-z0-9_]/g, "_").replace(/^_*(?=\d)|^_+/, "");
    const stem = clean === "" || /^\d/.test(clean) ? `v${clean}` : clean;
    let name = stem;
    for (let n = 1; this.#used.has(name); n++) name = `${stem}_${n}`;
    this.#used.add(name);
    return name;
  }
}
