export { runCli, type Surroundings } from "./cli.ts";
export type { Io } from "./io.ts";
export { type BundleFinding, type BundleReport, verifyBundle } from "./verify/bundle.ts";
export type { BundleEntry, BundleReader } from "./verify/reader.ts";
