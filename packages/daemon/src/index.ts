export { type BackupSummary, checkBackup } from "./backup-read.ts";
export { restoreBackup } from "./backup-restore.ts";
export { type Daemon, type DaemonOptions, openDaemon } from "./daemon.ts";
