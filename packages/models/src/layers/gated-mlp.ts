/** Gated MLPs: down(silu(gate) · up). */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { Linear, LinearPair } from "./linear.ts";

/** silu(gate) · up in float32, rounded like the reference: once after silu, once after the product. */
export function gate(gateValues: jax.Array, up: jax.Array, dtype: jax.DType): jax.Array {
  return jax.nn.silu(gateValues.astype(dtype).astype("float32")).astype(dtype).mul(up.astype(dtype));
}

/** Gate and up are one matrix, the gate's rows first. */
export class FusedGatedMLP extends nnx.Module {
  readonly gate_up_proj: LinearPair;
  readonly down_proj: Linear;

  constructor(hiddenSize: number, intermediateSize: number, dtype: jax.DType) {
    super();
    this.gate_up_proj = new LinearPair(hiddenSize, intermediateSize, { dtype, out: "mlp" });
    this.down_proj = new Linear(intermediateSize, hiddenSize, { dtype, in: "mlp" });
  }

  /** down(silu(gate(x)) · up(x)). @param x `[…,H]` */
  call(x: jax.Array): jax.Array {
    const [gateValues, up] = this.gate_up_proj.call(x);
    return this.down_proj.call(gate(gateValues, up, x.dtype));
  }
}

/** Gate and up are two matrices. */
export class GatedMLP extends nnx.Module {
  readonly gate_proj: Linear;
  readonly up_proj: Linear;
  readonly down_proj: Linear;

  constructor(hiddenSize: number, intermediateSize: number, dtype: jax.DType) {
    super();
    this.gate_proj = new Linear(hiddenSize, intermediateSize, { dtype, out: "mlp" });
    this.up_proj = new Linear(hiddenSize, intermediateSize, { dtype, out: "mlp" });
    this.down_proj = new Linear(intermediateSize, hiddenSize, { dtype, in: "mlp" });
  }

  /** down(silu(gate(x)) · up(x)). @param x `[…,H]` */
  call(x: jax.Array): jax.Array {
    return this.down_proj.call(gate(this.gate_proj.call(x), this.up_proj.call(x), x.dtype));
  }
}
