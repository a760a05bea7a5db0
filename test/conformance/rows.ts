/** How a golden case is written with the public API. */
import * as jax from "jaxscale";

export type Params = Readonly<Record<string, unknown>>;
/** The call that a case describes: its inputs in order, its params under JAX's names. */
export type Row = (inputs: readonly unknown[], params: Params) => unknown;
type AnyFunction = (...args: readonly unknown[]) => unknown;

const namespaces: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  lax: jax.lax,
  jnp: jax.numpy,
  nn: jax.nn,
};

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** The function of the public API that `jnp.take_along_axis` names. */
export function apiFunction(op: string): AnyFunction {
  const [namespace, name] = op.split(".");
  const found = namespaces[namespace]?.[camel(name)];
  if (typeof found !== "function") throw new Error(`jaxscale has no ${namespace}.${camel(name)}`);
  return found as AnyFunction;
}

const special: Readonly<Record<string, number>> = {
  inf: Number.POSITIVE_INFINITY,
  "-inf": Number.NEGATIVE_INFINITY,
  nan: Number.NaN,
};
export const numberOf = (value: unknown): unknown => (typeof value === "string" ? (special[value] ?? value) : value);

/** Params as the trailing options object: camelCase names, numbers spelled as strings made numbers, a mode of None left out. */
export const optionsOf = (params: Params): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(params)
      .filter(([key, value]) => key !== "mode" || value !== null)
      .map(([key, value]) => [camel(key), numberOf(value)]),
  );

/** `op(*inputs, **params)` */
export const plain =
  (op: string): Row =>
  (inputs, params) => {
    const options = Object.keys(params).length > 0 ? [optionsOf(params)] : [];
    return apiFunction(op)(...inputs, ...options);
  };

/** Some params are positional, in this order (an absent one ends the list); the rest are options. */
export const positional =
  (op: string, ...names: readonly string[]): Row =>
  (inputs, params) => {
    const rest: Record<string, unknown> = { ...params };
    const given: unknown[] = [];
    for (const name of names) {
      if (!(name in rest)) break;
      given.push(numberOf(rest[name]));
      delete rest[name];
    }
    return plain(op)([...inputs, ...given], rest);
  };

/** All inputs form one list, before the positional params. */
export const listed =
  (op: string, ...names: readonly string[]): Row =>
  (inputs, params) =>
    positional(op, ...names)([inputs], params);
