/** The matrix that a model wants, in whichever layout a checkpoint has it. */
import type { Weights } from "../weights.ts";
import { nf4 } from "./bitsandbytes.ts";
import type { Quantization } from "./config.ts";
import { float8 } from "./float8.ts";
import type { FindMatrix, FoundMatrix, WantedMatrix } from "./matrix.ts";
import { mlx } from "./mlx.ts";
import { intQuantized, packQuantized } from "./packed.ts";
import { WholeTensors } from "./rows.ts";
import { awq, gptq } from "./words-of-columns.ts";

/** All layouts. A module's tensors decide which one it has; lists of modules in configs are not read. */
const layouts: readonly FindMatrix[] = [packQuantized, intQuantized, float8, awq, gptq, nf4, mlx];

/** Finds quantized matrices among the tensors of a checkpoint: undefined for a module whose weight is plain. */
export function matrixFinder(
  weights: Weights,
  quantization: Quantization,
): (wanted: WantedMatrix) => FoundMatrix | undefined {
  const source = { weights, quantization, whole: new WholeTensors() };
  return (wanted) => {
    for (const find of layouts) {
      const matrix = find(wanted, source);
      if (matrix) return matrix;
    }
    return undefined;
  };
}
