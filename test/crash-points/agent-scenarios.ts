import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Grant } from "orchestrator-core";
import { bundlePaths } from "../../packages/agent/src/bundle/writer.ts";
import { command, grantOf, type Job } from "../../packages/agent/test/scripted-daemon.ts";
import type { AgentLife, AgentWorld } from "./agent-world.ts";

/** What an agent does while it is crashed at each of its calls. */
export interface AgentScenario {
  readonly name: string;
  /** Of the agent that dies. */
  readonly agent_id: string;
  /** What lies there when it starts. */
  readonly before?: (world: AgentWorld) => Promise<void>;
  /** Goes on beside it; need not end when it dies. */
  readonly play: (world: AgentWorld, life: AgentLife) => Promise<void>;
}

const job = (stage_id: string, ...commands: readonly (readonly string[])[]): Job => ({
  stage_id,
  exec: { commands: commands.map((argv) => command([...argv])) },
});

const runs = async (world: AgentWorld, ...jobs: Job[]): Promise<void> => {
  world.queue(...jobs);
  await world.until("all is done", () => world.settled() && world.leftScratch().length === 0);
};

/** What an agent leaves that was killed with its hands full. */
async function leaveAll(world: AgentWorld): Promise<void> {
  const { daemon, place } = world;
  daemon.fate = ({ name }) => (name === "complete" ? "deaf" : "answer");
  const [unanswered, running] = world.queue(job("unanswered", ["true"]), job("running", ["true"], ["sleep", "60"]));
  const life = world.start("first", null);
  await world.until("one runs", () => world.machine.live().includes(running!.exec_id));
  await world.until("one was reported", () => daemon.requests.some(({ name }) => name === "complete"));
  life.die();
  daemon.fate = () => "answer";
  const made = ["waiting", "sealed", "ready", "unheld"].map((stage_id) =>
    grantOf(job(stage_id, ["true"]), place.workspace, 30_000),
  );
  const [waiting, sealed, ready, unheld] = made;
  for (const grant of [waiting!, sealed!, ready!]) hold(world, grant);
  writeFileSync(heldFile(world, unheld!), '{"run_id":');
  // killed by another death within its sealing, and between a manifest and its rename
  const half = bundlePaths(place.state, sealed!);
  mkdirSync(half.temporary, { recursive: true });
  writeFileSync(join(half.temporary, "incomplete.json"), '{"half');
  const whole = bundlePaths(place.state, ready!);
  mkdirSync(whole.temporary, { recursive: true });
  writeFileSync(join(whole.temporary, "manifest.json"), "{}");
  world.grants.push(...made);
  for (const { exec_id } of [unanswered!, running!, ...made]) world.given.add(exec_id);
}

const heldFile = ({ place }: AgentWorld, { exec_id }: Grant): string =>
  join(place.state, "agents", "first", "held", `${exec_id}.ndjson`);

function hold(world: AgentWorld, grant: Grant): void {
  const { run_id, stage_id, exec_id, fence } = grant;
  writeFileSync(heldFile(world, grant), `${JSON.stringify({ run_id, stage_id, exec_id, fence })}\n`);
}

const adopt = (world: AgentWorld): Promise<void> =>
  world.until("all is in order", () => world.settled() && world.leftScratch().length === 0);

export const agentScenarios: readonly AgentScenario[] = [
  {
    name: "publishing a bundle",
    agent_id: "first",
    play: (world) => runs(world, job("only", ["true"], ["true"])),
  },
  {
    name: "a command that fails",
    agent_id: "first",
    play: (world) => runs(world, job("fails", ["false"], ["true"])),
  },
  {
    name: "a command that runs into its timeout",
    agent_id: "first",
    play: (world) =>
      runs(world, { stage_id: "slow", exec: { commands: [command(["sleep", "60"], { timeout_ms: 5 })] } }),
  },
  {
    name: "a report that is refused",
    agent_id: "first",
    play(world) {
      world.daemon.refuse = () => ({ code: "fence-stale", message: "it was given to another" });
      return runs(world, job("late", ["true"]));
    },
  },
  {
    name: "two jobs side by side and a third in the answer",
    agent_id: "first",
    play(world) {
      world.daemon.next = ({ stage_id }) => {
        if (stage_id !== "one") return [];
        // granted in this answer, so known to the world before it is given
        const grant = grantOf(job("three", ["true"]), world.place.workspace, 30_000);
        world.grants.push(grant);
        return [grant];
      };
      return runs(world, job("one", ["true"]), job("two", ["true"]));
    },
  },
  {
    name: "a shutdown that gives up what runs",
    agent_id: "first",
    async play(world, life) {
      // the heir of one that died before it claimed runs it, and must come to an end
      const [grant] = world.queue({
        stage_id: "given-up",
        exec: { commands: [command(["sleep", "60"], { timeout_ms: 100 })] },
      });
      await world.until("it runs", () => world.machine.live().includes(grant!.exec_id));
      life.agent?.stop();
      life.agent?.stop();
      await life.agent?.ended;
    },
  },
  { name: "adopting its own left-overs", agent_id: "first", before: leaveAll, play: adopt },
  { name: "adopting another's left-overs", agent_id: "second", before: leaveAll, play: adopt },
];
