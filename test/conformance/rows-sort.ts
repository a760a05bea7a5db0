/** How golden cases of order along an axis are written. */
import * as jax from "jaxscale";
import { optionsOf, plain, positional, type Row } from "./rows.ts";

export const sortRows: Readonly<Record<string, Row>> = {
  "lax.sort": (inputs, params) => jax.lax.sort(inputs as readonly jax.Array[], optionsOf(params)),
  "lax.top_k": positional("lax.top_k", "k"),
  "jnp.sort": plain("jnp.sort"),
  "jnp.argsort": plain("jnp.argsort"),
  "jnp.median": plain("jnp.median"),
  "jnp.searchsorted": plain("jnp.searchsorted"),
  "jnp.unique": plain("jnp.unique"),
  "jnp.nonzero": plain("jnp.nonzero"),
};
