/** `jaxscale diagnose`: where a model that gives wrong text goes wrong. */
import type { Command } from "commander";
import { addGeneration } from "../diagnose/generation.ts";
import { addLayers } from "../diagnose/layers.ts";
import { addLogits } from "../diagnose/logits.ts";
import { addWeights } from "../diagnose/weights.ts";

export function addDiagnose(program: Command): void {
  const group = program
    .command("diagnose")
    .description("find where a model goes wrong: its weights, logits, layers, or how its answers end")
    .addHelpText(
      "after",
      "\ndocs/debugging-a-model.md says in which order. Each exits with 0 if all is good, else with 1.",
    )
    .showHelpAfterError("(jaxscale diagnose --help says what there is)");
  for (const add of [addGeneration, addWeights, addLogits, addLayers]) add(group);
}
