/** A program that counts up to a number in an argument, by a loop that the device decides. */
import type { Slot, Step } from "../../packages/jaxscale/src/kernel/program.ts";
import type { LazyProgram } from "../../packages/jaxscale/src/runtime/lazy-program.ts";
import { dispatch, lazy, loop, rawKernel, rawProgram } from "./raw-programs.ts";

const slots: Slot[] = [
  { kind: "argument", index: 0, sizeBytes: 8 },
  { kind: "output", index: 0, sizeBytes: 8 },
  { kind: "temporary", arena: 0, offsetBytes: 0, sizeBytes: 4 },
  { kind: "temporary", arena: 0, offsetBytes: 256, sizeBytes: 4 },
  { kind: "temporary", arena: 1, offsetBytes: 0, sizeBytes: 8 },
];
/** Turns to run, of the outer loop and of the inner; then states: turns run, and the sum of their numbers. */
export const [limits, state, flag, innerFlag, innerState] = [0, 1, 2, 3, 4];
export const rrw = ["read", "read", "read_write"] as const;
export const rw = ["read", "read_write"] as const;
const kernels = [
  rawKernel("start", ["read_write"], "b0[i] = 0.0;"),
  rawKernel("check", rrw, "if (i == 0u) { b2[0] = select(0.0, 1.0, b0[0] < b1[0]); }"),
  rawKernel("check_inner", rrw, "if (i == 0u) { b2[0] = select(0.0, 1.0, b0[0] < b1[1]); }"),
  rawKernel("turn", rw, "if (i == 0u && b0[0] != 0.0) { b1[0] += 1.0; b1[1] += f32(k.x0); }", ["i32"]),
  rawKernel("add", rrw, "if (i == 0u && b0[0] != 0.0) { b2[1] += b1[0] + b1[1]; }"),
  rawKernel("check_100", rw, "if (i == 0u) { b1[0] = select(0.0, 1.0, b0[0] < 100.0); }"),
];
export const start = (slot: number): Step => dispatch(0, [slot], ["read_write"], 2);
export const check = dispatch(1, [state, limits, flag], rrw, 1);
export const checkInner = dispatch(2, [innerState, limits, innerFlag], rrw, 1);
export const turn = (depth = 0): Step => dispatch(3, [flag, state], rw, 2, [{ iteration: depth }]);
export const innerTurn = dispatch(3, [innerFlag, innerState], rw, 2, [{ iteration: 1 }]);
export const add = (guard: number): Step => dispatch(4, [guard, innerState, state], rrw, 2);
export const check100 = dispatch(5, [state, flag], rw, 1);

export const program = (name: string, steps: readonly Step[], donor?: number): LazyProgram =>
  lazy(
    rawProgram({
      name,
      kernels,
      slots: slots.map((slot) => (slot.kind === "output" && donor !== undefined ? { ...slot, donor } : slot)),
      arenas: [512, 256],
      steps,
      results: [state],
      donated: donor === undefined ? [] : [donor],
    }),
  );

/** Of [n, _]: the turns run, and the sum of their numbers. */
export const countUp = program("count_up", [start(state), check, loop(0, null, [turn(), check], flag)]);
