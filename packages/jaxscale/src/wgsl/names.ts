/** Identifiers: distinct, legal, and none that WGSL or the printer uses itself. */

// Type and function names may be shadowed in WGSL, which would break the text that uses them.
const taken = `
  abs acos array asin atan atan2 atomic atomicAdd atomicAnd atomicCompareExchangeWeak atomicExchange atomicLoad atomicMax
  atomicMin atomicOr atomicStore atomicXor alias bitcast bool break case ceil clamp const const_assert continue continuing
  cos countLeadingZeros countOneBits cross default diagnostic discard dot else enable exp exp2 f16 f32 false floor fma fn for
  function i32 if immediate immediates inverseSqrt let log log2 loop main max min mod override pow private ptr read
  read_write requires return round select shared sign sin sqrt storage storageBarrier struct subgroupAdd subgroupBroadcast
  subgroupBroadcastFirst subgroupMax subgroupMin subgroupShuffle subgroupShuffleXor subgroup_size subgroup_invocation_id switch tan texture
  true trunc u32 uniform uniforms unpack var vec2 vec3 vec4 while workgroup workgroupBarrier workgroup_id
  local_invocation_id num_workgroups zero_bits Immediates
  active as async await attribute auto base binding_array buffer class common compile default delete do enum error export
  extends extern external filter final from get global group groupshared half handle highp id import in inline input inout
  interface is layout line linear lowp macro match matrix mediump mesh meta mod module move mut namespace native new nil
  noise non null of operator output out package packed pass patch pixel point precise precision premerge priority private
  protected pub public readonly ref register resource sample self set sizeof smooth static std string super target task
  template this throw trait try type typedef typename typeof union unless unorm unsafe unsized use using varying virtual
  volatile where with writeonly yield mat2 mat3 mat4 sampler
`
  .trim()
  .split(/\s+/);

export class Names {
  readonly #used = new Set(taken);

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
