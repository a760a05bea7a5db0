/** What a schedule may vary: defaults by kind of adapter, overridden by what was measured. */
import type { Target } from "../base/target.ts";

export interface ScheduleParameters {
  /** Invocations of a workgroup in elementwise kernels. */
  readonly mapWorkgroup: number;
  /** Vectors of four elements that one invocation of an elementwise kernel makes. */
  readonly mapVectors: number;
  /** Invocations that share a row in a reduction; a power of two. */
  readonly rowWorkgroup: number;
  /** Rows of the result that one invocation of a matrix product makes. */
  readonly tileRows: number;
  /** Columns of the result that one invocation of a matrix product makes; a multiple of 4. */
  readonly tileColumns: number;
  /** Steps along the contracted axis between two turns of the loop. */
  readonly tileDepth: number;
  /** Invocations along the columns, and along the rows, of a matrix product's workgroup. */
  readonly tileLanes: number;
  readonly tileLaneRows: number;
  /** Result columns that a workgroup of a matrix-vector product makes. */
  readonly gemvColumns: number;
  readonly gemvLanes: number;
}

const software: ScheduleParameters = {
  mapWorkgroup: 64,
  mapVectors: 1,
  rowWorkgroup: 8,
  tileRows: 8,
  tileColumns: 4,
  tileDepth: 1,
  tileLanes: 8,
  tileLaneRows: 1,
  gemvColumns: 4,
  gemvLanes: 8,
};

const defaults: Record<Target["kind"], ScheduleParameters> = {
  lavapipe: software,
  swiftshader: { ...software, rowWorkgroup: 4, tileRows: 4, tileLanes: 4, gemvLanes: 4 },
  hardware: {
    mapWorkgroup: 256,
    mapVectors: 1,
    rowWorkgroup: 256,
    tileRows: 4,
    tileColumns: 4,
    tileDepth: 4,
    tileLanes: 16,
    tileLaneRows: 16,
    gemvColumns: 4,
    gemvLanes: 64,
  },
};

export const defaultParameters = (target: Target): ScheduleParameters => defaults[target.kind];
