/** The few classes of error a user meets. Message form: `op: rule; got …`. */

class JaxScaleError extends Error {
  override get name(): string {
    return this.constructor.name;
  }
}

/** Shapes, axes or sizes that an operation does not accept. */
export class ShapeError extends JaxScaleError {}
/** Element types that an operation does not accept. */
export class DTypeError extends JaxScaleError {}
/** A mesh, spec or layout that cannot be. */
export class ShardingError extends JaxScaleError {}
/** A traced value used where a concrete one is needed, or outside its trace. */
export class TracerError extends JaxScaleError {}
/** No usable adapter, device lost, out of memory, use of a deleted array, a kernel that does not compile. */
export class DeviceError extends JaxScaleError {}
/** A checkpoint that is damaged or does not fit its model. */
export class CheckpointError extends JaxScaleError {}

/** States what must hold if our own code is right; a failure is our bug, never the user's. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`jaxscale: internal error: ${message}`);
}
