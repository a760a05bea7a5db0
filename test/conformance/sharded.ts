/** A golden case on meshes: its arguments split and its results put together in many ways, each equal to the unsharded case. */
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import type { Layout } from "../../packages/jaxscale/src/partition/layout.ts";
import {
  type Below,
  describeSpecs,
  layoutsOf,
  meshes,
  ShardableProgram,
  type Specs,
  seeded,
} from "../random-shardings.ts";
import { difference } from "./compare.ts";
import type { Case, Family } from "./fixtures.ts";
import { prepare, trace } from "./run-case.ts";

/** A golden case, traced once. */
export class ShardedCase {
  readonly #item: Case;
  readonly #program: ShardableProgram;
  #whole: readonly HostTensor[] | undefined;

  constructor(item: Case, family: Family) {
    const prepared = prepare(item, family);
    this.#item = item;
    this.#program = new ShardableProgram(item.name, trace(item, prepared), prepared.args);
  }

  someSpecs(below: Below): Specs {
    return this.#program.someSpecs(below);
  }

  /**
   * On every mesh all combinations of layouts of the arguments, each with one of the results' and on 1, 2 or 4 GPUs: of more than `limit` combinations on a
   * mesh as many are chosen by a seed, after a few in which every layout of every array occurs.
   */
  *specs(limit: number): Iterable<Specs> {
    const { argumentShapes, resultShapes } = this.#program;
    for (const [place, mesh] of meshes.entries()) {
      const below = seeded(place);
      const choices = argumentShapes.map((shape) => layoutsOf(shape, mesh.shape));
      const results = resultShapes.map((shape): (Layout | undefined)[] => [undefined, ...layoutsOf(shape, mesh.shape)]);
      const all = choices.reduce((product, { length }) => product * length, 1);
      const each = Math.max(1, ...choices.map(({ length }) => length), ...results.map(({ length }) => length));
      const count = Math.max(each, Math.min(all, limit));
      for (let i = 0; i < count; i++) {
        let rest = i;
        const layouts = choices.map((choice, operand) => {
          // Of too many combinations: each array through its layouts at its own place, then any.
          if (all > limit) return i < each ? choice[(i + operand) % choice.length] : choice[below(choice.length)];
          const layout = choice[rest % choice.length];
          rest = Math.floor(rest / choice.length);
          return layout;
        });
        yield { mesh, gpus: [1, 2, 4][i % 3], layouts, wanted: results.map((choice) => choice[i % choice.length]) };
      }
    }
  }

  /** What is wrong with the case on a mesh; undefined if nothing is. */
  async failure(specs: Specs): Promise<string | undefined> {
    try {
      this.#whole ??= await this.#program.whole();
      const { tensors, isCombined } = await this.#program.sharded(specs);
      const bound = isCombined ? this.#item : { ...this.#item, exact: true, tolerance: undefined };
      for (const [i, tensor] of tensors.entries()) {
        const wrong = difference(tensor, this.#whole[i], bound);
        if (wrong) return `output ${i} ${describeSpecs(specs)}: ${wrong}`;
      }
      return undefined;
    } catch (error) {
      return `${describeSpecs(specs)}: ${error instanceof Error ? error.stack : error}`;
    }
  }
}
