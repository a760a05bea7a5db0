/** The likeliest next tokens. */
import type { LanguageModel } from "../language-model.ts";
import { ForcedDecoding } from "../verify/forced-decoding.ts";

/** A token that may come next. */
export interface TopToken {
  readonly id: number;
  readonly logit: number;
  /** Probability at temperature 1. */
  readonly probability: number;
}

/** The `count` largest of some logits, largest first; the smaller id of equal ones. NaN comes last. */
export function topTokens(logits: ArrayLike<number>, count: number): TopToken[] {
  const order = Array.from({ length: logits.length }, (_, id) => id);
  const value = (id: number): number => (Number.isNaN(logits[id]) ? -Infinity : logits[id]);
  const best = order.sort((a, b) => value(b) - value(a) || a - b).slice(0, count);
  const largest = value(best[0]);
  let total = 0;
  for (let id = 0; id < logits.length; id++) total += Math.exp(value(id) - largest);
  return best.map((id) => ({ id, logit: logits[id], probability: Math.exp(value(id) - largest) / total }));
}

/** The likeliest tokens behind a prompt. @throws RangeError for a prompt that is empty or too long */
export async function nextTokens(
  { model }: Pick<LanguageModel, "model">,
  prompt: readonly number[],
  count: number,
): Promise<TopToken[]> {
  const { maxPositionEmbeddings } = model.config;
  if (prompt.length === 0 || prompt.length > maxPositionEmbeddings)
    throw new RangeError(
      `nextTokens: a prompt must have from 1 to ${maxPositionEmbeddings} tokens; got ${prompt.length}`,
    );
  const logits = new ForcedDecoding(model).recomputeAt([prompt], [prompt.length - 1]);
  const values = await logits.data();
  logits.dispose();
  return topTokens(values, count);
}
