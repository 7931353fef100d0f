// What this machine is, and what Linux says of a process.
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";

export const machine = () =>
  `${cpus()[0]?.model ?? "?"}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GB, ` +
  `Linux ${release()}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`;

const statusKb = (pid, name) =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

/** MB that a process has in memory now, and had at most. */
export const rssMb = (pid) => statusKb(pid, "VmRSS") / 1024;
export const rssPeakMb = (pid) => statusKb(pid, "VmHWM") / 1024;

/** A tick is 10 ms on every Linux that Node runs on. */
const TICK_MS = 10;

/** CPU that a process has used, in ms. */
export function cpuMs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Now, in ms, on the clock that all processes of a machine share. */
export const sharedNow = () => Number(process.hrtime.bigint()) / 1e6;
