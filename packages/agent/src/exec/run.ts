import type { Grant, Report } from "orchestrator-core";
import { type Bundle, beginBundle, type BundlePaths, bundlePaths, sealIfPossible } from "../bundle/writer.ts";
import type { Policies } from "../check/policies.ts";
import type { Programs } from "../check/program-facts.ts";
import type { Twins } from "../check/twins.ts";
import type { HeldFiles } from "../held.ts";
import type { Lease } from "../lease.ts";
import { errorText, type Log } from "../log.ts";
import type { AgentOptions } from "../options.ts";
import type { Ports } from "../ports.ts";
import { Execution } from "./execution.ts";
import type { Halt } from "./halt.ts";
import type { AgentName } from "./manifest.ts";
import { makeScratch, type Scratch, scratchDirectory } from "./scratch.ts";

/** Where execs run: the same for all of an agent's life. */
export interface Site {
  readonly ports: Ports;
  readonly options: AgentOptions;
  readonly agent: AgentName;
  /** `STATE/agents/<agent_id>` */
  readonly directory: string;
  readonly policies: Policies;
  readonly programs: Programs;
  readonly twins: Twins;
  readonly held: HeldFiles;
  readonly log: Log;
  readonly grace: () => number;
}

/** Checks a grant again, runs its commands in order, publishes the bundle. Whatever happens, there is a report. */
export async function runExec(site: Site, grant: Grant, halt: Halt, lease: Lease): Promise<Report> {
  const paths = bundlePaths(site.options.state, grant);
  let bundle: Bundle | null = null;
  let scratch: Scratch | null = null;
  try {
    bundle = beginBundle(site.ports, paths);
    scratch = makeScratch(
      site.ports.files,
      scratchDirectory(site.directory, grant.exec_id),
      site.options.state,
      grant.requires,
    );
    const exec = new Execution(site, grant, halt, lease, bundle, scratch);
    await exec.run();
    const halted = halt.halted();
    if (halted?.cause === "shutdown") {
      bundle.close();
      return await giveUp(site, grant, paths, "agent_stopped", halted.message, { kind: "lost" });
    }
    if (halted?.cause === "unrecorded") throw new Error(halted.message);
    return { kind: "manifest", manifest: await exec.publish() };
  } catch (error) {
    const message = errorText(error);
    site.log.error("exec_unrecorded", { exec_id: grant.exec_id, message });
    bundle?.close();
    return await giveUp(site, grant, paths, "disk_error", message, {
      kind: "no_bundle",
      message: message.slice(0, 4_096),
    });
  } finally {
    // after the report: nobody waits for it
    site.ports.clock.after(0, () => removeScratch(site, scratch));
  }
}

async function giveUp(
  site: Site,
  grant: Grant,
  paths: BundlePaths,
  why: "agent_stopped" | "disk_error",
  message: string,
  report: Report,
): Promise<Report> {
  const { agent_id, pid, host } = site.agent;
  const sealing = { sealed_by: { agent_id, pid, host }, held_by: agent_id, why, message, signalled: [], survivors: 0 };
  const failure = await sealIfPossible(site.ports, paths, grant, sealing);
  if (failure !== "") site.log.error("bundle_unsealed", { exec_id: grant.exec_id, message: failure });
  return report;
}

function removeScratch(site: Site, scratch: Scratch | null): void {
  try {
    scratch?.remove();
  } catch (error) {
    site.log.warn("scratch_left", { message: errorText(error) });
  }
}
