/** The families of models, by the `model_type` of their configs. */
import type { Architecture } from "./architecture.ts";
import type { SharedConfig } from "./config/shared.ts";
import { glm } from "./glm.ts";
import { glm4 } from "./glm4.ts";
import { glm4MoeLite } from "./glm4-moe-lite.ts";

const known = { glm, glm4, glm4_moe_lite: glm4MoeLite } as const;

/** Config of a family in this package; a registered family has its own type. */
export type ModelConfig = ReturnType<(typeof known)[keyof typeof known]["parse"]>;

/** The families in this package. */
export const modelTypes = Object.keys(known) as readonly ModelConfig["modelType"][];

type AnyArchitecture = Architecture<ModelConfig>;
const registry = new Map(Object.entries(known as unknown as Record<string, AnyArchitecture>));

/** The registered `model_type`s. */
export const registeredTypes = (): readonly string[] => [...registry.keys()];

export const architectureOf = ({ modelType }: { readonly modelType: string }): AnyArchitecture => {
  const found = findArchitecture(modelType);
  if (found === undefined)
    throw new TypeError(`architectureOf: modelType must be one of ${registeredTypes().join(", ")}; got ${modelType}`);
  return found;
};

export const findArchitecture = (modelType: string): AnyArchitecture | undefined => registry.get(modelType);

/**
 * Registers an architecture, so that checkpoints of its `model_type` can be loaded.
 * @throws TypeError if the type has an architecture already
 */
export function registerArchitecture<Config extends SharedConfig & { readonly modelType: string }>(
  modelType: Config["modelType"],
  architecture: Architecture<Config>,
): void {
  if (registry.has(modelType))
    throw new TypeError(`registerArchitecture: a model_type must be registered once; got ${modelType} again`);
  registry.set(modelType, architecture as unknown as AnyArchitecture);
}
