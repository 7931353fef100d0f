import type { ClaimBody, CompleteBody, HeartbeatBody, HttpRequest, Transport } from "orchestrator-core";
import type { Dice } from "./random.ts";
import { Scope } from "./scheduler.ts";
import type { World } from "./world.ts";

/**
 * Says what honest agents never say: reports with another fence or under another name, with another manifest for what
 * was reported before, heartbeats for what others hold, a claim with another's request_id. None of it may count.
 */
export class Impostor {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #transport: Transport;

  constructor(world: World) {
    this.#world = world;
    this.#dice = world.dice.fork("impostor");
    this.#transport = world.net.transport({ name: "impostor", scope: new Scope("impostor"), honest: false });
  }

  async act(): Promise<void> {
    const { said } = this.#world.net;
    const heard = said.slice(-30).filter(({ request }) => request.path.startsWith("/v1/agent/"));
    if (heard.length === 0) return;
    const { request } = this.#dice.pick(heard);
    const body = this.#twist(request, JSON.parse(request.body ?? "null"));
    if (body === null) return;
    this.#world.tally.impostors++;
    await this.#transport({ ...request, body: JSON.stringify(body), timeout_ms: 2_000 }).catch(() => null);
  }

  #twist(request: HttpRequest, body: unknown): unknown {
    if (request.path.endsWith("/claim")) {
      return { ...(body as ClaimBody), agent_id: "impostor", jobs_max: 1, wait_ms: 0 };
    }
    if (request.path.endsWith("/heartbeat")) {
      const { execs } = body as HeartbeatBody;
      if (execs.length === 0) return null;
      const other = this.#dice.chance(0.5);
      const twisted = other ? execs : execs.map((held) => ({ ...held, fence: held.fence + 1 }));
      const agent_id = other ? "impostor" : (body as HeartbeatBody).agent_id;
      // another heartbeat of the same agent would answer its cancels
      return { agent_id, execs: twisted, wait_ms: 0 };
    }
    const { claim: _, ...complete } = body as CompleteBody;
    const luck = this.#dice.float();
    if (luck < 0.35) return { ...complete, agent_id: "impostor" };
    if (luck < 0.7) {
      const off = this.#dice.chance(0.5) ? 1 : -1;
      const completions = complete.completions.map((c) => ({ ...c, fence: Math.max(1, c.fence + off) }));
      return completions.every((c, i) => c.fence !== complete.completions[i]!.fence)
        ? { ...complete, completions }
        : null;
    }
    const ended = complete.completions.filter(({ run_id, stage_id, exec_id, report }) => {
      const exec = this.#world.law.runs.get(run_id)?.stages.get(stage_id)?.execs.get(exec_id);
      return report.kind === "manifest" && exec !== undefined && exec.outcome !== null;
    });
    if (ended.length === 0) return null;
    const completions = ended.map((c) => ({
      ...c,
      report: c.report.kind === "manifest" ? { ...c.report, manifest: `${c.report.manifest} ` } : c.report,
    }));
    return { ...complete, completions };
  }
}
