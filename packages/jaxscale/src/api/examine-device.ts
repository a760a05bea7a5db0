/** What the device is and can do, for people. */
import { type DoctorReport, examine, formatReport, getClient } from "../runtime/index.ts";

/** Adapter, driver, features, limits, and measured rates of the device. */
export type DeviceReport = DoctorReport;

/** Opens the device and measures it, which takes seconds. @throws DeviceError if there is none */
export const examineDevice = (): Promise<DeviceReport> => examine(getClient());

/** The report as lines of text. */
export const formatDeviceReport = (report: DeviceReport): string => formatReport(report);
