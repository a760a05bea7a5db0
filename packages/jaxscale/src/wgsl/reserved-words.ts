/** Names that WGSL does not let a program declare. @see https://www.w3.org/TR/WGSL/#keyword-summary */

const keywords = `alias break case const const_assert continue continuing default diagnostic discard else enable false fn
  for if let loop override requires return struct switch true var while`;

const reserved = `NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become cast catch
  class co_await co_return co_yield coherent column_major common compile compile_fragment concept const_cast consteval
  constexpr constinit crate debugger decltype delete demote demote_to_helper do dynamic_cast enum explicit export extends
  extern external fallthrough filter final finally friend from fxgroup get goto groupshared highp impl implements import
  inline instanceof interface layout lowp macro macro_rules match mediump meta mod module move mut mutable namespace new nil
  noexcept noinline nointerpolation non_coherent noncoherent noperspective null nullptr of operator package packoffset
  partition pass patch pixelfragment precise precision premerge priv protected pub public readonly ref regardless register
  reinterpret_cast require resource restrict self set shared sizeof smooth snorm static static_assert static_cast std
  subroutine super target template this thread_local throw trait try type typedef typeid typename typeof union unless
  unorm unsafe unsized use using varying virtual volatile wgsl where with writeonly yield`;

// May be declared, but then the declarations that are generated would mean something else.
const used = "array atomic f32 i32 u32 main";

const words = new Map(
  Object.entries({
    "a WGSL keyword": keywords,
    "reserved by WGSL": reserved,
    "used by the generated code": used,
  }).flatMap(([what, list]) => list.split(/\s+/).map((word) => [word, what] as const)),
);

/** Keywords and reserved words. */
export const reservedWords: readonly string[] = `${keywords} ${reserved}`.split(/\s+/);

/** Why a variable of a WGSL program cannot have this name; undefined if it can. */
export function whyNoName(name: string): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return "no WGSL identifier";
  if (name === "_" || name.startsWith("__")) return "reserved by WGSL";
  return words.get(name);
}
