/** Mixtures of experts: a router chooses a few gated MLPs for each token. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import type { ModelMesh } from "../parallel/model-mesh.ts";
import type { TensorPart } from "../weights/parts.ts";
import { GatedMLP, gate } from "./gated-mlp.ts";
import { matmulTransposed } from "./linear.ts";
import { describe, type Weight, wideOf } from "./param.ts";

/** Sizes of a `MixtureOfExperts`, and how its router chooses. */
export interface MoeSizes {
  readonly hiddenSize: number;
  readonly moeIntermediateSize: number;
  readonly nRoutedExperts: number;
  readonly nSharedExperts: number;
  readonly numExpertsPerTok: number;
  readonly nGroup: number;
  readonly topkGroup: number;
  readonly normTopkProb: boolean;
  readonly routedScalingFactor: number;
}

/** Experts of each token and their weights, `[N,k]`. */
interface Routing {
  readonly ids: jax.Array;
  readonly weights: jax.Array;
}

/** sigmoid(x Wᵀ) scores in float32; the bias affects the choice but not the weights. */
class Router extends nnx.Module {
  readonly weight: nnx.Param;
  readonly e_score_correction_bias: nnx.Param;
  readonly sizes: MoeSizes;

  constructor(sizes: MoeSizes, dtype: jax.DType) {
    super();
    this.weight = describe([sizes.nRoutedExperts, sizes.hiddenSize], dtype, { keepsFloats: true });
    // Rounded to bfloat16 it would change the choice.
    this.e_score_correction_bias = describe([sizes.nRoutedExperts], "float32");
    this.sizes = sizes;
  }

  /** @param x `[N,H]` */
  call(x: jax.Array): Routing & { readonly logits: jax.Array } {
    const { numExpertsPerTok, normTopkProb, routedScalingFactor } = this.sizes;
    const logits = matmulTransposed(x, this.weight);
    const scores = jax.nn.sigmoid(logits);
    const choice = this.withinGroups(scores.add(this.e_score_correction_bias));
    const [, ids] = jax.lax.topK(choice, numExpertsPerTok);
    const chosen = jax.numpy.takeAlongAxis(scores, ids, { axis: -1 });
    const shares = normTopkProb ? chosen.div(chosen.sum({ axis: -1, keepdims: true }).add(1e-20)) : chosen;
    return { logits, ids, weights: shares.mul(routedScalingFactor) };
  }

  /** Only experts of the best groups can be chosen; the score of a group is the sum of its two best experts. */
  private withinGroups(choice: jax.Array): jax.Array {
    const { nGroup, topkGroup } = this.sizes;
    if (nGroup === topkGroup) return choice;
    const grouped = choice.reshape(choice.shape[0], nGroup, -1);
    const [best] = jax.lax.topK(grouped, 2);
    const [, kept] = jax.lax.topK(best.sum({ axis: -1 }), topkGroup);
    const isKept = jax.nn.oneHot(kept, nGroup).sum({ axis: 1 }).greater(0);
    return jax.numpy.where(jax.numpy.expandDims(isKept, -1), grouped, -Infinity).reshape(choice.shape);
  }
}

/** All experts: gate and up as one matrix each, the gate's rows first. */
class Experts extends nnx.Module {
  readonly gate_up_proj: Weight;
  readonly down_proj: Weight;

  constructor({ nRoutedExperts, hiddenSize, moeIntermediateSize }: MoeSizes, dtype: jax.DType) {
    super();
    this.gate_up_proj = describe([nRoutedExperts, 2, moeIntermediateSize, hiddenSize], dtype, {
      axes: ["expert", null, "mlp", null],
      storedShape: [nRoutedExperts, 2 * moeIntermediateSize, hiddenSize],
    });
    this.down_proj = describe([nRoutedExperts, hiddenSize, moeIntermediateSize], dtype, {
      axes: ["expert", null, "mlp"],
    });
  }

  /**
   * Σ weight · expert(x) in float32, rounded once. On a mesh each device computes what its experts, or its parts of them, give to
   * all tokens of its rows, and one sum over devices joins that.
   * @param x `[N,H]`
   */
  call(x: jax.Array, { ids, weights }: Routing, mesh: ModelMesh | null): jax.Array {
    const args = [x, ids, weights, wideOf(this.gate_up_proj), wideOf(this.down_proj)] as const;
    if (!mesh) return mixed(...args).astype(x.dtype);
    const devices = [...mesh.axes("expert"), ...mesh.axes("mlp")];
    const onDevice = (...[tokens, chosen, shares, gateUp, down]: Parameters<typeof mixed>): jax.Array => {
      const place = ownPlaces(chosen, gateUp.shape[0], mesh.axes("expert"));
      const ownShares = jax.numpy.where(place.isOwn, shares, 0);
      return jax.lax.psum(mixed(tokens, place.ids, ownShares, gateUp, down), devices);
    };
    const rows = mesh.spec(["batch", null]);
    const specs = [this.gate_up_proj, this.down_proj].map((weight) => mesh.shardingOf(weight).spec);
    const spread = jax.shardMap(onDevice, { mesh: mesh.mesh, inSpecs: [rows, rows, rows, ...specs], outSpecs: rows });
    return spread(...args).astype(x.dtype);
  }
}

/** Which of the chosen experts a device has, and where among its own; others stand behind the last one, where they are not computed with. */
function ownPlaces(
  ids: jax.Array,
  count: number,
  axes: readonly string[],
): { readonly ids: jax.Array; readonly isOwn: jax.Array } {
  const first = axes.length > 0 ? jax.lax.axisIndex(axes).mul(count) : 0;
  const local = ids.sub(first);
  const isOwn = local.greaterEqual(0).and(local.less(count));
  return { ids: jax.numpy.where(isOwn, local, count), isOwn };
}

/**
 * Σ weight · expert(x) of experts that are at hand.
 * @param x `[N,H]` @param ids int32 `[N,k]` @param weights `[N,k]` @param gateUp `[E,2,I,H]` @param down `[E,H,I]`
 * @returns float32 `[N,H]`
 */
function mixed(x: jax.Array, ids: jax.Array, weights: jax.Array, gateUp: jax.Array, down: jax.Array): jax.Array {
  // With at least two tokens per expert on average, reading each expert once is cheaper than reading it per token.
  const results = ids.size >= 2 * gateUp.shape[0] ? grouped(x, ids, gateUp, down) : gathered(x, ids, gateUp, down);
  return jax.numpy.einsum("nk,nkh->nh", weights, results);
}

/** Products that read the weights of the chosen experts without copying them. @returns float32 `[N,k,H]` */
function gathered(x: jax.Array, ids: jax.Array, gateUp: jax.Array, down: jax.Array): jax.Array {
  const both = jax.numpy.einsum("nh,nkpih->nkpi", x, expertsAt(gateUp, ids), wide);
  const hidden = gate(both.slice("...", 0, ":"), both.slice("...", 1, ":"), x.dtype);
  return jax.numpy.einsum("nki,nkhi->nkh", hidden, expertsAt(down, ids), wide);
}

/** Tokens sorted by expert: one product for each expert, with all its tokens. @returns float32 `[N,k,H]` */
function grouped(x: jax.Array, ids: jax.Array, gateUp: jax.Array, down: jax.Array): jax.Array {
  const [count, k] = ids.shape;
  const experts = gateUp.shape[0];
  const places = jax.numpy.arange(count * k, { dtype: "int32" });
  const [sorted, order] = jax.lax.sortKeyVal(ids.reshape(count * k), places);
  const begins = jax.numpy.searchsorted(sorted, jax.numpy.arange(experts + 1, { dtype: "int32" }));
  const sizes = begins.slice(jax.slice(1)).sub(begins.slice(jax.slice(0, experts)));
  const rows = jax.numpy.take(x, order.floorDivide(k), { axis: 0, mode: "clip" });
  const [gateValues, up] = jax.numpy.split(groupedProduct(rows, gateUp.reshape(experts, -1, x.shape[1]), sizes), 2, -1);
  const product = groupedProduct(gate(gateValues, up, x.dtype), down, sizes);
  const [, back] = jax.lax.sortKeyVal(order, places);
  return jax.numpy.take(product, back, { axis: 0, mode: "clip" }).reshape(count, k, -1);
}

const wide = { preferredElementType: "float32" } as const;

/**
 * Multiplies the first `sizes[0]` rows of x with the first matrix, and so on.
 * @param x `[M,in]` @param weight `[E,out,in]` @returns float32 `[M,out]`
 */
const groupedProduct = (x: jax.Array, weight: jax.Array, sizes: jax.Array): jax.Array =>
  jax.lax.raggedDotGeneral(
    x,
    weight,
    sizes,
    {
      dotDimensionNumbers: [
        [[1], [2]],
        [[], []],
      ],
      lhsRaggedDimensions: [0],
      rhsGroupDimensions: [0],
    },
    wide,
  );

const expertsAt = (weight: jax.Array, ids: jax.Array): jax.Array =>
  jax.numpy.take(weight, ids, { axis: 0, mode: "clip" });

/** Routed experts and a shared expert. */
export class MixtureOfExperts extends nnx.Module {
  readonly gate: Router;
  readonly experts: Experts;
  readonly shared_experts: GatedMLP | null;

  constructor(sizes: MoeSizes, dtype: jax.DType) {
    super();
    const { hiddenSize, moeIntermediateSize, nSharedExperts } = sizes;
    this.gate = new Router(sizes, dtype);
    this.experts = new Experts(sizes, dtype);
    this.shared_experts =
      nSharedExperts > 0 ? new GatedMLP(hiddenSize, moeIntermediateSize * nSharedExperts, dtype) : null;
  }

  /** Σ weight · expert(x) over the chosen experts, plus the shared expert. @param x `[B,T,H]` */
  call(x: jax.Array, mesh: ModelMesh | null = null): jax.Array {
    const tokens = x.reshape(-1, x.shape[2]);
    const routing = this.gate.call(tokens);
    const routed = this.experts.call(tokens, routing, mesh).reshape(x.shape);
    this.letOut(routing, routed);
    if (!this.shared_experts) return routed;
    const shared = this.shared_experts.call(x);
    this.sow(nnx.Intermediate, "shared", shared);
    return routed.add(shared);
  }

  private letOut({ logits, ids, weights }: Routing & { readonly logits: jax.Array }, routed: jax.Array): void {
    if (!this.sow(nnx.Intermediate, "routed", routed)) return;
    const [batch, count] = routed.shape;
    const [sortedIds, sortedWeights] = jax.lax.sortKeyVal(ids, weights);
    for (const [name, value] of Object.entries({
      router_logits: logits,
      expert_ids: sortedIds,
      expert_weights: sortedWeights,
    }))
      this.sow(nnx.Intermediate, name, value.reshape(batch, count, -1));
  }
}

/**
 * The parts of `mlp.experts.gate_up_proj [E, 2·I, H]` (gate rows first) and `mlp.experts.down_proj [E, H, I]`, which lie on disk
 * expert by expert, `mlp.experts.{e}.{gate,up,down}_proj.weight`: the `stacked` of an architecture with a `MixtureOfExperts`.
 */
export function expertParts(name: string, shape: readonly number[]): readonly TensorPart[] | undefined {
  const found = expertWeight.exec(name);
  if (found === null || shape.length !== 3) return undefined;
  const [, experts, kind] = found;
  const [count, rows, columns] = shape;
  const halves = kind === "down_proj" ? ["down_proj"] : ["gate_proj", "up_proj"];
  return Array.from({ length: count }, (_, e) =>
    halves.map((half) => ({ key: `${experts}.${e}.${half}.weight`, shape: [rows / halves.length, columns] })),
  ).flat();
}

/** The fraction of expert weights that a token uses, 1 for other parameters: the `activeShare` of an architecture with a `MixtureOfExperts`. */
export const expertShare = (
  { numExpertsPerTok, nRoutedExperts }: Pick<MoeSizes, "numExpertsPerTok" | "nRoutedExperts">,
  name: string,
): number => (expertWeight.test(name) ? numExpertsPerTok / nRoutedExperts : 1);

const expertWeight = /^(.*\.mlp\.experts)\.(gate_up_proj|down_proj)$/;
