/** How each buffer is declared: as vectors if every access is a vector of one width, else word by word. */
import { type BufferDecl, type Kernel, laneCount, type ValueType } from "../kernel/ir.ts";
import { statementsIn } from "./uses.ts";

export function layoutOf(kernel: Kernel): Map<BufferDecl, 1 | 2 | 4> {
  const widths = new Map<BufferDecl, 1 | 2 | 4>();
  const note = (buffer: BufferDecl, type: ValueType): void => {
    const lanes = laneCount(type);
    const known = widths.get(buffer);
    widths.set(buffer, buffer.atomic || (known !== undefined && known !== lanes) ? 1 : lanes);
  };
  for (const s of statementsIn(kernel.body)) {
    if (s.kind === "store") note(s.buffer, s.value.type);
    if (s.kind !== "let") continue;
    const { attr, op, type } = s.value;
    if (typeof attr === "object" && attr.kind === "buffer") note(attr, op === "load" ? type : attr.element);
  }
  // A tail shorter than a vector is out of reach of an array of vectors.
  for (const [buffer, lanes] of widths) if (buffer.sizeWords % lanes !== 0) widths.set(buffer, 1);
  return widths;
}
