/** Kernels that users wrote, on their operands' memory. */
import { elementsPerWord } from "../../base/dtypes.ts";
import { invariant } from "../../base/errors.ts";
import { sizeOf } from "../../base/shapes.ts";
import { hostTensor, packWords } from "../../base/tensor-data.ts";
import { type Atom, type ShapedArray, shapedArray, type Var } from "../../jaxpr/ir.ts";
import { Index } from "../../kernel/index-space.ts";
import type { BufferDecl, Kernel } from "../../kernel/ir.ts";
import type { InPlace } from "../../primitives/primitive.ts";
import type { Bound, Scratch } from "../emitter.ts";
import { contextOf, rules } from "../graph.ts";
import type { Group } from "../group.ts";
import { bufferElement, paddingBytes, storageBytes } from "../memory-view.ts";
import { emitterFor, type Launch, type ScheduleContext } from "../schedule.ts";

export function scheduleCustom(
  group: Group,
  context: ScheduleContext,
): { readonly launches: readonly Launch[]; readonly inPlace: readonly InPlace[] } {
  const [eqn] = group.members;
  const { lowering } = rules(eqn);
  invariant(lowering.kind === "custom", "a custom group has a user's kernel");
  if (eqn.outputs.every((v) => sizeOf(v.aval.shape) === 0)) return { launches: [], inPlace: [] };
  const plan = lowering.plan(contextOf(eqn));
  const { guards, resolve, iterations, target } = context;
  const launches: Launch[] = [];
  const buffers: BufferDecl[] = [];
  const bindings: Bound[] = [];

  const liesInMemory = (a: Atom): a is Var => a.kind === "var" && !iterations.has(a) && sizeOf(a.aval.shape) > 0;
  const bind = (name: string, { dtype }: ShapedArray, memory: Var | Scratch, access: Bound["access"]): void => {
    const words = (memory.kind === "var" ? storageBytes(memory.aval) : memory.sizeBytes) / 4;
    const element = elementsPerWord(dtype) > 1 ? "u32" : bufferElement(dtype);
    buffers.push({ kind: "buffer", name, element, access, atomic: false, sizeWords: words });
    bindings.push({ memory, access, window: 0, windowWords: words });
  };
  const scratch = (name: string): Scratch => ({ kind: "scratch", name, sizeBytes: paddingBytes });

  for (const i of plan.reads) {
    const atom = eqn.inputs[i];
    if (liesInMemory(atom)) {
      bind(plan.names.inputs[i], atom.aval, resolve(atom), "read");
      continue;
    }
    const word = scratch(`word_${plan.names.inputs[i]}`);
    launches.push(storeWord(atom, word, group, context));
    bind(plan.names.inputs[i], atom.aval, word, "read");
  }
  const inPlace = plan.aliases.filter(({ operand }) => liesInMemory(eqn.inputs[operand]));
  eqn.outputs.forEach((v, i) => {
    // A binding must have bytes, also that of an array without elements.
    const memory = sizeOf(v.aval.shape) === 0 ? scratch(`empty_${plan.names.outputs[i]}`) : resolve(v);
    const alias = plan.aliases.find((a) => a.result === i);
    if (alias && memory.kind === "var" && !liesInMemory(eqn.inputs[alias.operand]))
      launches.push(storeWord(eqn.inputs[alias.operand], memory, group, context));
    bind(plan.names.outputs[i], v.aval, memory, "read_write");
  });
  for (const { variable } of guards) bind("guard", shapedArray([], "int32"), resolve(variable), "read");

  const kernel: Kernel = {
    name: plan.name,
    buffers,
    shared: [],
    workgroupSize: plan.workgroupSize,
    immediates: [],
    body: { statements: [] },
    usesSubgroups: false,
    raw: plan.source(
      guards.map((guard) => guard.equals),
      target,
    ),
  };
  launches.push({ kernel, bindings, workgroups: plan.workgroups });
  return { launches, inPlace };
}

/** A kernel that puts a literal, or the number of an iteration, into memory; 0 for an array without elements. */
function storeWord(atom: Atom, memory: Var | Scratch, group: Group, context: ScheduleContext): Launch {
  const emit = emitterFor(group, context);
  const { k } = emit;
  const isIteration = atom.kind === "var" && context.iterations.has(atom);
  const words = (memory.kind === "var" ? storageBytes(memory.aval) : memory.sizeBytes) / 4;
  const buffer = k.buffer("out0", isIteration ? "i32" : "u32", "read_write", words);
  const value = isIteration
    ? emit.read(atom, Index.fromLinear(k, [], k.i32(0)))
    : k.constant("u32", atom.kind === "literal" ? wordOf(atom.value, atom.aval) : 0);
  k.store(buffer, k.i32(0), value);
  const own: Bound = { memory, access: "read_write", window: 0, windowWords: words };
  const kernel = k.finish(`word_${atom.aval.dtype}`, [1, 1, 1]);
  return { kernel, bindings: [...emit.bindings, own], workgroups: [1, 1, 1], prepares: true };
}

/** The bits of a scalar. */
function wordOf(value: number, { dtype }: ShapedArray): number {
  const tensor = hostTensor([], dtype);
  tensor.values[0] = value;
  return packWords(tensor)[0];
}
