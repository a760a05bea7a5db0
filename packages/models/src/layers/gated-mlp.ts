/** Gated MLPs: down(silu(gate) · up). */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { Linear, LinearPair } from "./linear.ts";
import { sowAll } from "./sow.ts";

/** silu(gate) · up in float32, rounded like the reference: once after silu, once after the product. */
export function gate(gateValues: jax.Array, up: jax.Array, dtype: jax.DType): jax.Array {
  return jax.nn.silu(gateValues.astype(dtype).astype("float32")).astype(dtype).mul(up.astype(dtype));
}

/** down(silu(gate) · up); sows all but the result. */
function downOf(mlp: FusedGatedMLP | GatedMLP, gateValues: jax.Array, up: jax.Array): jax.Array {
  const activation = gate(gateValues, up, gateValues.dtype);
  sowAll(mlp, { gate: gateValues, up, activation });
  return mlp.down_proj.call(activation);
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
    return downOf(this, gateValues, up);
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
    return downOf(this, this.gate_proj.call(x), this.up_proj.call(x));
  }
}
