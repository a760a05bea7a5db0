/** debug.nans: results are looked through behind a call; if one has a NaN, its program runs again equation by equation. */
import { calledAt } from "../base/call-site.ts";
import { isFloat } from "../base/dtypes.ts";
import { DeviceError } from "../base/errors.ts";
import { type Atom, type ClosedJaxpr, formatAval, type JaxprEqn, type Var } from "../jaxpr/ir.ts";
import { copy } from "../primitives/identity.ts";
import { type LoopPlan, rulesOf } from "../primitives/primitive.ts";
import type { Array } from "../trace/array.ts";
import { scalarOf } from "../trace/operand.ts";
import { bind, getBackend, withTrace } from "../trace/trace.ts";
import { type Launch, withWatcher } from "./config.ts";
import { DeviceArray } from "./device-array.ts";
import type { Runnable } from "./evaluate.ts";
import { zeros } from "./numpy/creation.ts";
import { isnan } from "./numpy/logic.ts";
import { any } from "./numpy/reductions.ts";

/** Runs ops on the device, unwatched, whatever is traced at the moment. */
const quietly = <T>(f: () => T): T => withTrace(undefined, () => withWatcher(undefined, f));

async function hasNan(x: Array): Promise<boolean> {
  if (!isFloat(x.dtype) || x.size === 0) return false;
  return (await quietly(() => any(isnan(x))).item()) === true;
}

export function watchForNans(runnable: Runnable, operands: readonly Array[], launch: Launch): DeviceArray[] {
  const donated = new Set(runnable.program.donated);
  // The second run needs them again.
  const args = operands.map((x, i) => (donated.has(i) ? quietly(() => bind(copy, [x], {}))[0] : x));
  const results = launch(runnable, operands);
  const check = checkResults(runnable, args, results);
  for (const x of results) x.checkedBy(check);
  return results;
}

async function checkResults(runnable: Runnable, args: readonly Array[], results: readonly Array[]): Promise<void> {
  // What is wrong already was found where it began.
  for (const x of args) if (x instanceof DeviceArray) await x.checked;
  let found = false;
  for (const x of results) found ||= await hasNan(x);
  if (!found) return;
  const { name } = runnable.program;
  for (const [i, x] of args.entries())
    if (await hasNan(x))
      throw new DeviceError(
        `debug.nans: arguments must have no NaN; got ${formatAval(x.aval)} as argument ${i} of ${name}`,
      );
  await run(runnable.optimized.flat, args, `in ${name}`);
  throw new DeviceError(
    `debug.nans: results must have no NaN; got one from ${name}, which none of its operations makes alone`,
  );
}

/** Runs a jaxpr on the device, one equation after the other. @throws DeviceError naming the first that makes a NaN */
async function run({ jaxpr, consts }: ClosedJaxpr, args: readonly Array[], where: string): Promise<readonly Array[]> {
  const values = new Map<Var, Array>();
  jaxpr.constvars.forEach((v, i) => values.set(v, consts[i] as Array));
  jaxpr.invars.forEach((v, i) => values.set(v, args[i]));
  const valueOf = (a: Atom): Array =>
    a.kind === "literal" ? getBackend().scalar(a.value, a.aval) : (values.get(a) as Array);
  for (const eqn of jaxpr.eqns) {
    const { primitive, inputs, outputs, params } = eqn;
    if (rulesOf(primitive).lowering.kind === "effect") continue;
    const operands = inputs.map(valueOf);
    const results = quietly(() => bind(primitive, operands, params));
    for (const x of results) if (await hasNan(x)) await blame(eqn, operands, x, where);
    outputs.forEach((v, i) => values.set(v, results[i]));
  }
  return jaxpr.outvars.map(valueOf);
}

/** @throws DeviceError naming the equation, or the one inside it */
async function blame(eqn: JaxprEqn, operands: readonly Array[], result: Array, where: string): Promise<never> {
  const { primitive, params, inputs, outputs, source } = eqn;
  const { lowering } = rulesOf(primitive);
  const context = { params, inputs: inputs.map((a) => a.aval), outputs: outputs.map((v) => v.aval) };
  const inside = `in ${primitive.name} ${where}`;
  if (lowering.kind === "loop") await runLoop(lowering.loop(context), operands, eqn, inside);
  if (lowering.kind === "branch") {
    const chosen = Number(await operands[0].item());
    await run(lowering.branches(context)[chosen], operands.slice(1), `branch ${chosen} ${inside}`);
  }
  throw new DeviceError(
    `debug.nans: ${primitive.name} must make no NaN; got one in ${formatAval(result.aval)} of ${inputs.map((a) => formatAval(a.aval)).join(", ") || "nothing"}, ${where}${calledAt(source.site ?? {})}`,
  );
}

async function runLoop(
  plan: LoopPlan,
  operands: readonly Array[],
  { outputs }: JaxprEqn,
  where: string,
): Promise<void> {
  const constants = plan.constants.map((i) => operands[i]);
  let carries: readonly Array[] = plan.carries.map((operand, i) =>
    operand === null
      ? quietly(() => zeros(outputs[i].aval.shape, { dtype: outputs[i].aval.dtype }))
      : operands[operand],
  );
  const goesOn = async (): Promise<boolean> =>
    plan.condition === undefined ||
    (await (await run(plan.condition, [...constants, ...carries], where))[0].item()) === true;
  for (
    let iteration = 0;
    iteration < (plan.trips ?? plan.maxTrips ?? Number.POSITIVE_INFINITY) && (await goesOn());
    iteration++
  )
    carries = await run(
      plan.body,
      [scalarOf(iteration, "int32"), ...constants, ...carries],
      `iteration ${iteration} ${where}`,
    );
}
