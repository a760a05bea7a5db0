/** Where a module keeps sown values while `capture` runs. */
import { attributesOf, Pytree } from "./pytree.ts";
import { Variable, type VariableMetadata } from "./variable.ts";

type Kind = new (value: unknown, metadata?: VariableMetadata) => Variable<unknown>;

/** Sown values of a module. A node, so that transformations handle the values as they do all state. */
export class Captures extends Pytree {
  /** Variable types to collect. */
  readonly kinds: readonly Kind[];

  constructor(kinds: readonly Kind[]) {
    super();
    this.kinds = kinds;
  }

  take(kind: Kind, name: string, value: unknown): boolean {
    if (!this.kinds.includes(kind)) return false;
    const attributes = attributesOf(this);
    const before = attributes[name];
    if (before === undefined) {
      attributes[name] = new kind([value]);
      return true;
    }
    if (!(before instanceof Variable) || before.constructor !== kind)
      throw new TypeError(
        `sow: a name must be used for one kind of Variable; got ${kind.name} for ${name}, which is ${before instanceof Variable ? before.constructor.name : "taken"}`,
      );
    before.set([...(before.get() as readonly unknown[]), value]);
    return true;
  }

  /** Sown values, by name. */
  get values(): readonly (readonly [string, Variable<unknown>])[] {
    return Object.entries(this).filter((entry): entry is [string, Variable<unknown>] => entry[1] instanceof Variable);
  }
}
