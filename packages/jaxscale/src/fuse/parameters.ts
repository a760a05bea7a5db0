/** What a schedule may vary: defaults by the traits of the target, overridden by what was measured. */
import type { Target } from "../base/target.ts";

export interface ScheduleParameters {
  /** Invocations of a workgroup in elementwise kernels. */
  readonly mapWorkgroup: number;
  /** Vectors of four elements that one invocation of an elementwise kernel makes at most. */
  readonly mapVectors: number;
  /** Invocations that share a row in a reduction; a power of two. */
  readonly rowWorkgroup: number;
  /** Elements of a row, at most, whose largest are found by counting what comes before each of them; 0: never. */
  readonly rankedColumns: number;
  /** Rows of the result that one invocation of a matrix product makes. */
  readonly tileRows: number;
  /** Of these, rows that are written in one iteration of a loop: what follows the product is compiled once for each. */
  readonly tileRowsWritten: number;
  /** Columns of the result that one invocation of a matrix product makes; a multiple of 4. */
  readonly tileColumns: number;
  /** Steps along the contracted axis between two iterations of the loop. */
  readonly tileDepth: number;
  /** Invocations along the columns, and along the rows, of a matrix product's workgroup. */
  readonly tileLanes: number;
  readonly tileLaneRows: number;
  /** Whether the lanes of a subgroup load a row each and hand it round, where the device has subgroups of one size. */
  readonly tileShared: boolean;
  /** Steps along the contracted axis that a workgroup keeps in shared memory, a multiple of 8; 0: none. */
  readonly tileStaged: number;
  /** `tileColumns` and `tileDepth` of products with one row, of which only the columns' side is worth reading ahead. */
  readonly wideColumns: number;
  readonly wideDepth: number;
  /** Products of at most so many rows are made by lanes along the depth, if the weights lie that way. */
  readonly gemvRows: number;
  /** Result columns that a workgroup of a matrix-vector product makes, and its invocations. */
  readonly gemvColumns: number;
  readonly gemvLanes: number;
  /**
   * Whether, of weights with four elements a word or more, each invocation of a matrix-vector product makes columns of its own: all then
   * read the same part of the vector. Else a workgroup's invocations share the depth of its columns, and read neighbouring words.
   */
  readonly gemvPackedAlone: boolean;
  /** Queries that a workgroup of an attention takes through the keys at most, and its invocations, a power of two. */
  readonly attentionRows: number;
  readonly attentionLanes: number;
  /** Vectors of its results that an invocation keeps at most. */
  readonly attentionTotals: number;
  /** Where more than a small subgroup works together: keys of a step at least, and elements of a head in shared memory at once, at most. */
  readonly attentionKeys: number;
  readonly attentionDepth: number;
  /** Workgroups that keep the device busy: with fewer tiles of queries, the keys are split, */
  readonly attentionWorkgroups: number;
  /** into parts of so many keys at least. */
  readonly attentionPart: number;
}

/** Few workgroups of one subgroup, each with much to do. */
const fewWorkgroups = (lanes: number): ScheduleParameters => ({
  mapWorkgroup: lanes,
  mapVectors: 64,
  rowWorkgroup: lanes,
  rankedColumns: 0,
  tileRows: 2 * lanes,
  tileRowsWritten: 2,
  tileColumns: 4,
  tileDepth: 4,
  tileLanes: lanes,
  tileLaneRows: 1,
  tileShared: true,
  tileStaged: 0,
  wideColumns: 32,
  wideDepth: 1,
  gemvRows: 1,
  gemvColumns: 4,
  gemvLanes: lanes,
  gemvPackedAlone: true,
  attentionRows: 8,
  attentionLanes: lanes,
  attentionTotals: 72,
  attentionKeys: lanes,
  attentionDepth: 4,
  attentionWorkgroups: 64,
  attentionPart: 128,
});

const manyWorkgroups: ScheduleParameters = {
  mapWorkgroup: 256,
  mapVectors: 4,
  rowWorkgroup: 256,
  rankedColumns: 512,
  tileRows: 4,
  tileRowsWritten: 4,
  tileColumns: 4,
  tileDepth: 4,
  tileLanes: 16,
  tileLaneRows: 16,
  tileShared: false,
  tileStaged: 16,
  wideColumns: 4,
  wideDepth: 4,
  gemvRows: 8,
  gemvColumns: 4,
  gemvLanes: 64,
  gemvPackedAlone: false,
  attentionRows: 16,
  attentionLanes: 128,
  attentionTotals: 8,
  attentionKeys: 32,
  attentionDepth: 32,
  attentionWorkgroups: 512,
  attentionPart: 32,
};

/** Wider subgroups would hold too much in registers. */
const widest = 8;

export const defaultParameters = ({ traits, subgroupSize }: Target): ScheduleParameters =>
  traits.costlyWorkgroups ? fewWorkgroups(Math.min(subgroupSize.max, widest)) : manyWorkgroups;
