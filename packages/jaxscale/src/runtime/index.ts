/** What the rest of the library uses of the runtime. */
export { platform } from "#platform";
export { hardwareTraits } from "./adapter-kinds.ts";
export { pooledBytes } from "./buffer-pool.ts";
export { type Client, type DeviceProfile, getClient } from "./client.ts";
export { chunkBytesOf } from "./device.ts";
export type { HostConstant, LazyProgram } from "./lazy-program.ts";
export { measureRoofs, type Roofs } from "./measure.ts";
export type { KernelTiming, ProfileClock } from "./profile.ts";
export { type ProgramTimer, timerFor } from "./program-timer.ts";
export { type DoctorReport, examine, formatReport } from "./report.ts";
export type { Storage } from "./storage.ts";
