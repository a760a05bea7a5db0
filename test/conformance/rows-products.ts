/** How golden cases of attention, grouped products and convolutions are written. */
import * as jax from "jaxscale";
import { optionsOf, type Params, plain, positional, type Row } from "./rows.ts";

const optionNames: Readonly<Record<string, string>> = {
  query_seq_lengths: "querySeqLengths",
  key_value_seq_lengths: "keyValueSeqLengths",
};

function attention([query, key, value, ...others]: readonly jax.Array[], { present, ...params }: Params): jax.Array {
  const names = (present ?? []) as readonly string[];
  const given = Object.fromEntries(names.map((name, i) => [optionNames[name] ?? name, others[i]]));
  return jax.nn.dotProductAttention(query, key, value, { ...optionsOf(params), ...given });
}

export const productRows: Readonly<Record<string, Row>> = {
  "lax.conv_general_dilated": positional("lax.conv_general_dilated", "window_strides", "padding"),
  "lax.ragged_dot": plain("lax.ragged_dot"),
  "nn.dot_product_attention": attention as Row,
};
