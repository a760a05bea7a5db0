/** Tables of the likeliest next tokens. */
import type { Tokenizer, TopToken } from "@jaxscale/models";
import { formatTable } from "./table.ts";

/** Rank, id, logit, probability and text of each. @param tokenizer for the texts, if there is one */
export const topTokensText = (tokens: readonly TopToken[], tokenizer: Tokenizer | undefined): string =>
  formatTable(
    ["rank", "id", "logit", "probability", ""],
    tokens.map(({ id, logit, probability }, i) => [
      `${i + 1}`,
      `${id}`,
      logit.toFixed(4),
      `${(100 * probability).toFixed(2)} %`,
      tokenizer ? JSON.stringify(tokenizer.decode([id])) : "",
    ]),
  );
