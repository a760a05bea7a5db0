/** Small kernels that show what an adapter can do at most, each in several shapes. Library-neutral WGSL. */
import type { Target, TargetTraits } from "../base/target.ts";

export interface Variant {
  readonly name: string;
  readonly code: string;
  readonly workgroups: number;
  /** Bytes or operations of one dispatch. */
  readonly work: number;
}

// Larger than the caches of the machines at hand, smaller than any binding limit.
export const streamBytes = 2 ** 26;
type Sizes = readonly number[];

export const workgroupSizes = ({ traits, subgroupSize }: Target): Sizes =>
  traits.costlyWorkgroups ? [subgroupSize.max, 64] : [64, 256];

const header = (type: string, size: number): string => `
@group(0) @binding(0) var<storage, read> source: array<${type}>;
@group(0) @binding(1) var<storage, read_write> target_: array<${type}>;
@compute @workgroup_size(${size})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let stride = groups.x * ${size}u;`;

const streamGroups = (size: number): number => Math.ceil(8192 / size);

/** Every item reads a strided or a contiguous part and writes one sum. */
export function readVariants(sizes: Sizes): Variant[] {
  return sizes.flatMap((size) =>
    ["f32", "vec4<f32>"].flatMap((type) => {
      const count = streamBytes / (type === "f32" ? 4 : 16);
      const groups = streamGroups(size);
      const loops = {
        strided: `for (var i = id.x; i < ${count}u; i += 4u * stride) {
    sum += (source[i] + source[i + stride]) + (source[i + 2u * stride] + source[i + 3u * stride]);
  }`,
        contiguous: `let part = ${count}u / stride;
  for (var i = id.x * part; i < (id.x + 1u) * part; i += 4u) {
    sum += (source[i] + source[i + 1u]) + (source[i + 2u] + source[i + 3u]);
  }`,
      };
      return Object.entries(loops).map(([order, loop]) => ({
        name: `read_${order}_${type === "f32" ? "f32" : "vec4"}_${size}`,
        code: `${header(type, size)}
  var sum = source[id.x];
  ${loop}
  target_[id.x] = sum;
}`,
        workgroups: groups,
        work: streamBytes,
      }));
    }),
  );
}

export function copyVariants(sizes: Sizes): Variant[] {
  return sizes.flatMap((size) =>
    ["f32", "vec4<f32>"].map((type) => ({
      name: `copy_${type === "f32" ? "f32" : "vec4"}_${size}`,
      code: `${header(type, size)}
  for (var i = id.x; i < ${streamBytes / (type === "f32" ? 4 : 16)}u; i += stride) {
    target_[i] = source[i];
  }
}`,
      workgroups: streamGroups(size),
      work: 2 * streamBytes,
    })),
  );
}

/** Elements, the even ones and the odd ones, of a vector of packed words. */
const unpacked = {
  "vec2<u32>": (w: string): string[] => [
    `vec4<f32>(bitcast<vec2<f32>>(${w} << vec2<u32>(16u)), bitcast<vec2<f32>>(${w} & vec2<u32>(0xffff0000u)))`,
  ],
  "vec4<u32>": (w: string): string[] => [
    `bitcast<vec4<f32>>(${w} << vec4<u32>(16u))`,
    `bitcast<vec4<f32>>(${w} & vec4<u32>(0xffff0000u))`,
  ],
};

/** Every item multiplies a strided or a contiguous part, or a workgroup four rows, and adds up. */
export function bfloat16Variants(sizes: Sizes): Variant[] {
  const types = ["vec2<u32>", "vec4<u32>"] as const;
  return sizes.flatMap((size) =>
    types.flatMap((type) =>
      (["strided", "contiguous", "rows"] as const).map((order) => {
        const count = streamBytes / (type === "vec2<u32>" ? 8 : 16);
        const groups = order === "rows" ? 2048 : streamGroups(size);
        const row = count / groups / 4;
        const [from, to, step, apart] = {
          strided: ["id.x", `${count}u`, "4u * stride", "stride"],
          contiguous: ["id.x * part", "(id.x + 1u) * part", "4u", "1u"],
          rows: [`group.x * ${4 * row}u + local.x`, `group.x * ${4 * row}u + ${row}u`, `${size}u`, `${row}u`],
        }[order];
        const products = [0, 1, 2, 3].map((chain) => {
          const terms = unpacked[type]("w").map((elements, half) => `dot(${elements}, x${half})`);
          return `{ let w = source[i + ${chain}u * ${apart}]; sum${chain} += ${terms.join(" + ")}; }`;
        });
        return {
          name: `bfloat16_${order}_${type.slice(0, 4)}_${size}`,
          code: `${header(type, size)}
  let part = ${count}u / stride;
  let x0 = vec4<f32>(1.0, 2.0, 3.0, 4.0) * f32(stride);
  let x1 = x0 + f32(part);
  var sum0 = 0.0; var sum1 = 0.0; var sum2 = 0.0; var sum3 = 0.0;
  for (var i = ${from}; i < ${to}; i += ${step}) {
    ${products.join("\n    ")}
  }
  target_[id.x] = ${type}(bitcast<u32>(sum0 + sum1 + sum2 + sum3));
}`,
          workgroups: groups,
          work: streamBytes,
        };
      }),
    ),
  );
}

/** Independent chains of multiply-adds, enough to hide the latency of one. */
export function flopVariants(sizes: Sizes, traits: TargetTraits): Variant[] {
  const steps = 32;
  // About 0.1 s on a slow adapter, and enough items for a fast one.
  const rounds = traits.costlyWorkgroups ? 32 : 128;
  const items = 512 * traits.parallelWorkgroups;
  return sizes.flatMap((size) =>
    ["f32", "vec4<f32>"].flatMap((type) =>
      (type === "f32" ? [8, 16] : [2, 4]).map((chains) => {
        const lanes = type === "f32" ? 1 : 4;
        const names = Array.from({ length: chains }, (_, i) => `c${i}`);
        const start = names.map((name, i) => `var ${name} = source[id.x] + ${type}(${i}.0);`).join("\n  ");
        const body = Array.from({ length: steps }, () => names.map((n) => `${n} = fma(${n}, a, b);`).join(" ")).join(
          "\n    ",
        );
        return {
          name: `fma_${lanes === 1 ? "f32" : "vec4"}_${chains}chains_${size}`,
          code: `${header(type, size)}
  let a = source[id.x + stride];
  let b = source[id.x + 2u * stride];
  ${start}
  for (var i = 0u; i < ${rounds}u; i++) {
    ${body}
  }
  target_[id.x] = ${names.join(" + ")};
}`,
          workgroups: items / size,
          work: 2 * lanes * chains * steps * rounds * items,
        };
      }),
    ),
  );
}
