/** What a user's kernel becomes for inputs of given types: checks, bindings, the WGSL that is generated around the user's. */
import { calledAt } from "../base/call-site.ts";
import { bitsOf, elementsPerWord, isDType } from "../base/dtypes.ts";
import { DeviceError, DTypeError, ShapeError } from "../base/errors.ts";
import { sameShape, sizeOf } from "../base/shapes.ts";
import type { Target } from "../base/target.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import type { RawSource } from "../kernel/ir.ts";
import { whyNoName } from "../wgsl/reserved-words.ts";
import type { KernelDefinition } from "./custom-kernel.ts";
import type { CustomPlan } from "./primitive.ts";

export interface NamedAval {
  readonly name: string;
  readonly aval: ShapedArray;
}

type ErrorClass = new (message: string) => Error;

/** An error about a kernel, with the line of the user's program. */
export const kernelError = (name: string, message: string, Class: ErrorClass = TypeError): Error =>
  new Class(`custom kernel ${name}: ${message}${calledAt()}`);

// What ends a line, and with it a comment, in WGSL is a control character or a Unicode separator.
const oneLine = /^[^\p{Cc}\p{Zl}\p{Zp}]+$/u;

/** @throws TypeError unless the name can stand in a comment of the WGSL and in a label */
export function checkKernelName(name: string): void {
  if (typeof name === "string" && oneLine.test(name)) return;
  throw new TypeError(`custom kernel: must have a name of one line; got ${JSON.stringify(name)}${calledAt()}`);
}

/** @throws TypeError for names that WGSL does not allow, or that are declared twice */
export function checkNames(kernel: string, names: readonly string[]): void {
  const declared = new Map<string, string>();
  for (const name of names) {
    const why = whyNoName(name);
    if (why) throw kernelError(kernel, `inputs and outputs must have names of WGSL variables; got ${name}, ${why}`);
    for (const word of [name, `${name}_size`, `${name}_shape`]) {
      const other = declared.get(word);
      if (other) throw kernelError(kernel, `names must be distinct; got ${word} of ${other} and of ${name}`);
      declared.set(word, name);
    }
  }
}

/** The results, checked. @throws ShapeError, DTypeError, TypeError */
export function checkTypes(definition: KernelDefinition, inputs: readonly ShapedArray[]): readonly NamedAval[] {
  const { name, aliases, atomics } = definition;
  const outputs = definition.outputs(inputs);
  if (outputs.length === 0) throw kernelError(name, "must have a result; got none");
  checkNames(name, [...definition.inputs, ...outputs.map((o) => o.name)]);
  for (const { name: output, aval } of outputs) {
    if (!isDType(aval.dtype)) throw kernelError(name, `${output} must have a dtype; got ${aval.dtype}`, DTypeError);
    if (!aval.shape.every((d) => Number.isInteger(d) && d >= 0))
      throw kernelError(name, `${output} must have a shape of whole numbers; got [${aval.shape}]`, ShapeError);
  }
  const typeOf = (output: string): ShapedArray => {
    const found = outputs.find((o) => o.name === output);
    if (!found) throw kernelError(name, `aliases and atomics must name outputs; got ${output}`);
    return found.aval;
  };
  for (const output of atomics)
    if (!["int32", "uint32"].includes(typeOf(output).dtype))
      throw kernelError(name, `atomics must be int32 or uint32; got ${formatAval(typeOf(output))} for ${output}`);
  for (const [output, input] of aliases) {
    const [to, from] = [typeOf(output), inputs[definition.inputs.indexOf(input)]];
    if (to.dtype !== from.dtype || !sameShape(to.shape, from.shape))
      throw kernelError(
        name,
        `${output} must have the type of ${input}, which it aliases; got ${formatAval(to)} and ${formatAval(from)}`,
        ShapeError,
      );
  }
  return outputs;
}

export function planKernel(definition: KernelDefinition, avals: readonly ShapedArray[]): CustomPlan {
  const { name, workgroupSize } = definition;
  const outputs = checkTypes(definition, avals);
  const inputs = definition.inputs.map((input, i): NamedAval => ({ name: input, aval: avals[i] }));
  const aliases = [...definition.aliases].map(([output, input]) => ({
    operand: definition.inputs.indexOf(input),
    result: outputs.findIndex((o) => o.name === output),
  }));
  const reads = inputs.map((_, i) => i).filter((i) => !aliases.some((a) => a.operand === i));
  const workgroups = grid(name, definition.workgroups(avals));
  const bound = [...reads.map((i) => inputs[i]), ...outputs];
  return {
    name,
    names: { inputs: definition.inputs, outputs: outputs.map((o) => o.name) },
    reads,
    aliases,
    workgroupSize,
    workgroups,
    source: (guards, target) => {
      checkLimits(definition, bound, guards.length, workgroups, target);
      return generate(definition, inputs, outputs, reads, guards);
    },
  };
}

function grid(name: string, workgroups: readonly number[]): [number, number, number] {
  const [x, y = 1, z = 1] = workgroups;
  if (workgroups.length < 1 || workgroups.length > 3 || ![x, y, z].every((n) => Number.isInteger(n) && n >= 1))
    throw kernelError(name, `workgroups must be one to three whole numbers of at least 1; got [${workgroups}]`);
  return [x, y, z];
}

/** @throws DeviceError saying which limit of the device the kernel exceeds */
function checkLimits(
  { name, workgroupSize }: KernelDefinition,
  bound: readonly NamedAval[],
  guards: number,
  workgroups: readonly number[],
  { limits, name: device }: Target,
): void {
  const within = (what: string, value: number, limit: number): void => {
    if (value > limit)
      throw kernelError(name, `${what} must be at most ${limit} on ${device}; got ${value}`, DeviceError);
  };
  within(
    `storage bindings (inputs, outputs${guards > 0 ? ", conditions around it" : ""})`,
    bound.length + guards,
    limits.maxStorageBuffersPerShaderStage,
  );
  const [x, y, z] = workgroupSize;
  within("invocations of a workgroup", x * y * z, limits.maxComputeInvocationsPerWorkgroup);
  within("workgroupSize", x, limits.maxComputeWorkgroupSizeX);
  for (const n of workgroups) within("workgroups in one dimension", n, limits.maxComputeWorkgroupsPerDimension);
  const largest = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  for (const { name: array, aval } of bound)
    within(`bytes of ${array} (${formatAval(aval)})`, (sizeOf(aval.shape) * bitsOf(aval.dtype)) / 8, largest);
}

const wordType = ({ dtype }: ShapedArray): string =>
  elementsPerWord(dtype) > 1 ? "u32" : dtype === "float32" ? "f32" : dtype === "int32" ? "i32" : "u32";

/** Declarations, then the user's lines with the attributes of `main` and its guards put into them. */
function generate(
  { name, wgsl, workgroupSize, atomics }: KernelDefinition,
  inputs: readonly NamedAval[],
  outputs: readonly NamedAval[],
  reads: readonly number[],
  guards: readonly number[],
): RawSource {
  let binding = 0;
  const declare = (access: string, variable: string, element: string): string =>
    `@group(0) @binding(${binding++}) var<storage, ${access}> ${variable}: array<${element}>;`;
  const constants = [...inputs, ...outputs].map(({ name: array, aval: { shape } }) => {
    const size = `const ${array}_size = ${sizeOf(shape)};`;
    return shape.length === 0 ? size : `${size} const ${array}_shape = array(${shape.join(", ")});`;
  });
  const head = [
    `// ${name}`,
    ...wgsl.directives,
    ...reads.map((i) => declare("read", inputs[i].name, wordType(inputs[i].aval))),
    ...outputs.map(({ name: output, aval }) =>
      declare("read_write", output, atomics.has(output) ? `atomic<${wordType(aval)}>` : wordType(aval)),
    ),
    ...guards.map((_, i) => declare("read", `only_if_${i}`, "i32")),
    ...constants,
    "",
  ];
  const skip = guards.map((value, i) => ` if (only_if_${i}[0] != ${value}) { return; }`).join("");
  const { text, entry, body } = wgsl;
  const attributes = `@compute @workgroup_size(${workgroupSize.join(", ")}) `;
  const lines = `${text.slice(0, entry)}${attributes}${text.slice(entry, body)}${skip}${text.slice(body)}`;
  return { text: `${[...head, lines.trimEnd()].join("\n")}\n`, firstLine: head.length + 1 };
}
