/** Ops of the fixtures that no row runs yet, by the work that brings them. Nothing is left out silently. */
export const later: Readonly<Record<string, readonly string[]>> = {};

const names = new Set(Object.values(later).flat());

export const isLater = (op: string): boolean => names.has(op) || names.has(`${op.split(".")[0]}.*`);
