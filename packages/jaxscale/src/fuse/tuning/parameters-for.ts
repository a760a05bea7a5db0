/** Which parameters a group is scheduled with: the defaults, changed by what was measured for groups of its shape class. */
import type { AccessAnalysis } from "../access.ts";
import type { Group } from "../group.ts";
import { kindOf } from "../kinds.ts";
import type { ScheduleParameters } from "../parameters.ts";

/** What was found fastest, by shape class. */
export type TuningTable = ReadonlyMap<string, Partial<ScheduleParameters>>;

export type ParametersFor = (group: Group, access: AccessAnalysis) => ScheduleParameters;

export function parametersFrom(defaults: ScheduleParameters, table: TuningTable): ParametersFor {
  if (table.size === 0) return () => defaults;
  const chosen = new Map<string, ScheduleParameters>();
  return (group, access) => {
    const shapeClass = kindOf(group).choice?.shapeClass(group, access);
    const found = shapeClass === undefined ? undefined : table.get(shapeClass);
    if (shapeClass === undefined || !found) return defaults;
    let parameters = chosen.get(shapeClass);
    if (!parameters) chosen.set(shapeClass, (parameters = { ...defaults, ...found }));
    return parameters;
  };
}
