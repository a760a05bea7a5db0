/** Metadata of Variables when a mapped axis is removed or added. */
import { type Def, GraphDef, isLeafDef, mapMetadata } from "../graph-def.ts";
import { withAxis, withoutAxis } from "../partitioning.ts";

/** The structure inside the mapped function: Variables are slices along their axes. @param axes one for each leaf */
export function sliced(def: GraphDef, axes: readonly unknown[]): GraphDef {
  return withLeafNumbers(def, (metadata, leaf) => {
    const axis = axes[leaf];
    return typeof axis === "number" ? withoutAxis(metadata, axis) : metadata;
  });
}

/** The structure outside the mapped function: new Variables are stacked along their axes, sharded over the mesh axis `name`. */
export function stacked(def: GraphDef, axes: readonly unknown[], name: string | null): GraphDef {
  return withLeafNumbers(def, (metadata, leaf) => {
    const axis = axes[leaf];
    return typeof axis === "number" ? withAxis(metadata, axis, name) : metadata;
  });
}

function withLeafNumbers(
  def: GraphDef,
  f: (metadata: ReturnType<typeof withAxis>, leaf: number) => ReturnType<typeof withAxis>,
): GraphDef {
  const numbers = leafNumbers(def.root);
  return new GraphDef(
    mapMetadata(def.root, (variable) => {
      const leaf = numbers.get(variable.index);
      return leaf === undefined ? variable.metadata : f(variable.metadata, leaf);
    }),
    def.numLeaves,
  );
}

/** The leaf index of each Variable, by number. */
function leafNumbers(root: Def): ReadonlyMap<number, number> {
  const numbers = new Map<number, number>();
  let next = 0;
  const visit = (def: Def): void => {
    if (def.kind === "variable") numbers.set(def.index, next++);
    else if (isLeafDef(def)) next++;
    else if ("children" in def) def.children.forEach(visit);
  };
  visit(root);
  return numbers;
}
