/** The parameters worth trying for a group, as data. Spaces are small: each candidate is a pipeline to compile. */
import type { Target } from "../../base/target.ts";
import type { ScheduleParameters } from "../parameters.ts";

/** To be raised when schedules change what a parameter means: winners of other versions are not used. */
export const scheduleVersion = 2;

export type Candidate = Partial<ScheduleParameters>;

/** Every combination of the values of each parameter. */
function combinations(
  values: { readonly [Name in keyof ScheduleParameters]?: readonly ScheduleParameters[Name][] },
): Candidate[] {
  return Object.entries(values).reduce<Candidate[]>(
    (partial, [name, options]) => partial.flatMap((p) => options.map((option) => ({ ...p, [name]: option }))),
    [{}],
  );
}

/** `vector` and `matrix` are products with one row, and with more. */
export type SpaceName = "map" | "reduce" | "vector" | "matrix";
type Spaces = Readonly<Record<SpaceName, readonly Candidate[]>>;

const fewWorkgroups = (lanes: number): Spaces => ({
  map: [...combinations({ mapWorkgroup: [lanes], mapVectors: [16, 64, 256] }), { mapWorkgroup: 64, mapVectors: 8 }],
  reduce: combinations({ rowWorkgroup: [1, lanes, 4 * lanes] }),
  vector: [
    ...combinations({ gemvRows: [1], gemvLanes: [lanes], gemvColumns: [2, 4, 8] }),
    ...combinations({ gemvRows: [1], gemvLanes: [lanes], gemvColumns: [4, 8], gemvPackedAlone: [false] }),
    ...combinations({ gemvRows: [0], wideColumns: [8, 32], wideDepth: [1, 2] }),
  ],
  matrix: [
    ...combinations({ tileShared: [true], tileRows: [8, 16], tileColumns: [4], tileDepth: [2, 4] }),
    ...combinations({ tileShared: [true], tileRows: [8], tileColumns: [8], tileDepth: [2] }),
    ...combinations({ tileShared: [false], tileLanes: [lanes], tileRows: [4, 8], tileColumns: [4], tileDepth: [2] }),
    { gemvRows: 8, gemvLanes: lanes },
  ],
});

const manyWorkgroups: Spaces = {
  map: combinations({ mapWorkgroup: [64, 256], mapVectors: [1, 4, 16] }),
  reduce: combinations({ rowWorkgroup: [32, 64, 128, 256] }),
  vector: [
    ...combinations({ gemvRows: [1], gemvLanes: [32, 64, 128], gemvColumns: [1, 4] }),
    ...combinations({ gemvRows: [0], wideColumns: [4], wideDepth: [4, 8], tileLanes: [64] }),
  ],
  matrix: [
    ...combinations({
      tileStaged: [0],
      tileLanes: [8, 16],
      tileLaneRows: [8, 16],
      tileRows: [4, 8],
      tileColumns: [4],
      tileDepth: [4],
    }),
    ...combinations({ tileLanes: [16], tileLaneRows: [16], tileRows: [4], tileColumns: [8], tileDepth: [4] }),
    ...combinations({ tileStaged: [0, 16, 32], tileLanes: [8, 16], tileLaneRows: [16], tileRows: [4, 8] }),
    { tileShared: true, tileLaneRows: 1, tileRows: 8, tileDepth: 4 },
    { gemvRows: 8, gemvLanes: 64 },
  ],
};

const invocationsOf = ({
  mapWorkgroup = 1,
  rowWorkgroup = 1,
  tileLanes = 1,
  tileLaneRows = 1,
  gemvLanes = 1,
}: Candidate): number => Math.max(mapWorkgroup, rowWorkgroup, tileLanes * tileLaneRows, gemvLanes);

/** What to try besides the defaults, for groups of one kind. */
export function candidatesIn(space: SpaceName, target: Target): readonly Candidate[] {
  const spaces = target.traits.costlyWorkgroups ? fewWorkgroups(target.subgroupSize.max) : manyWorkgroups;
  return spaces[space].filter((c) => invocationsOf(c) <= target.limits.maxComputeInvocationsPerWorkgroup);
}
