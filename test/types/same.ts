/** Whether two types are one, not only assignable to each other. */
export type Same<X, Y> = (<T>() => T extends X ? 1 : 2) extends <T>() => T extends Y ? 1 : 2 ? true : false;

/** `typed<Same<typeof x, jax.Array>>(true)` is refused by the type checker where it does not hold. */
export const typed = <Holds extends boolean>(_: Holds): void => {};
