export { type Daemon, type DaemonOptions, openDaemon } from "./daemon.ts";
