import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { script, until } from "../cluster.ts";
import { Site } from "./site.ts";

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

test("an agent that was stopped for longer than its lease: another one does the work, its own report is fenced, its bundle kept and marked", async () => {
  await site.startDaemon(["--lease-ms", "1000"]);
  site.startAgent(0, ["--slots", "1"]);
  // the first exec ends while its agent is asleep
  site.program("once", "[ -e again ] && exit 0\ntouch again\nsleep 1\necho late");
  const run_id = await site.submit({ a: { exec: [script("once")] } });
  const first = await site.running(run_id, "a");
  await until("the command runs", async () => (site.evidenceOf("again") ? true : undefined));
  site.agents[0]!.kill("SIGSTOP");
  site.startAgent(1, ["--slots", "1"]);
  expect(await site.settled(run_id)).toBe("succeeded");
  site.agents[0]!.kill("SIGCONT");

  const [refused] = await until("its report is refused", async () => {
    const said = site.agentSaid(0, "report_refused");
    return said.length > 0 ? said : undefined;
  });
  expect(refused).toMatchObject({ exec_id: first.exec_id });
  const mark = join(site.state, "runs", run_id, "a", `${first.exec_id}.fenced.json`);
  expect(JSON.parse(readFileSync(mark, "utf8"))).toMatchObject({ exec_id: first.exec_id, code: refused!.code });
  const { execs, status } = (await site.show(run_id)).stages[0]!;
  expect(status).toBe("succeeded");
  expect(execs.map(({ agent_id, outcome }) => `${agent_id} ${outcome}`)).toEqual(["a0 lost", "a1 succeeded"]);
  const successes = (await site.events(run_id)).filter(({ type }) => type === "exec_succeeded");
  expect(successes).toHaveLength(1);
  const verified = await site.cli("verify", run_id);
  expect(verified).toMatchObject({
    code: 0,
    said: expect.stringContaining("its report was refused: kept as evidence") as string,
  });
  // and it works on as if nothing had been
  await site.kill(site.agents[1]!);
  const next = await site.submit({ b: { exec: [["true"]] } });
  expect(await site.settled(next)).toBe("succeeded");
});
