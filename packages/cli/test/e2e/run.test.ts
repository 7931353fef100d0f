import { randomUUID } from "node:crypto";
import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { command, runIdOf, start, withState } from "./command.ts";

/** Live processes whose last argument is this. A zombie has no arguments. In a sandbox a process has another pid for itself. */
const processesWith = (argument: string): string[] =>
  readdirSync("/proc").filter((name) => {
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8").endsWith(`\0${argument}\0`);
    } catch {
      return false;
    }
  });

/** A workflow file beside the state directory. */
function workflow(state: string, stages: unknown): string {
  const file = join(state, "..", "workflow.json");
  writeFileSync(file, JSON.stringify({ name: "test", stages }));
  return file;
}

/** A command that says a word and then waits for its end. `mark` is its last argument. */
function sleeper(more = "") {
  const mark = randomUUID();
  const code = `${more}; console.log("here"); setTimeout(() => {}, 60_000)`;
  return { mark, exec: [{ argv: ["node", "-e", code, mark], allow_shell: true }] };
}

test("a run ends with a table, the places of its bundles and the command that verifies them", async () => {
  await withState(async (state) => {
    const { code, out, err } = await command(state, "run", "examples/hello.yaml");
    expect(code).toBe(0);
    expect(err).toMatch(/greet +queued/);
    expect(err).toMatch(/greet +running/);
    expect(err).toMatch(/greet +succeeded/);
    expect(out).toMatch(/^STAGE +STATUS +TIME +ATTEMPTS\b/);
    const run_id = runIdOf(err);
    expect(out).toContain(`run ${run_id} (number 1) succeeded after`);
    expect(out).toContain(`bundles in ${state}/runs/${run_id}/`);
    expect(out).toContain(`verify them: orchestrator verify ${run_id}`);
  });
});

test("--json gives each event on a line, in order, and the result on the last", async () => {
  await withState(async (state) => {
    const { out } = await command(state, "run", "examples/hello.yaml", "--json");
    const lines = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; seq?: number });
    expect(lines.at(0)?.type).toBe("run_created");
    expect(lines.at(-2)?.type).toBe("run_settled");
    expect(lines.at(-1)).toMatchObject({ type: "result", exit: "ok", run: { status: "succeeded" } });
    expect(lines.slice(0, -1).map(({ seq }) => seq)).toEqual(lines.slice(0, -1).map((_, i) => i + 1));
  });
});

test("--quiet says nothing on the way", async () => {
  await withState(async (state) => {
    const { err } = await command(state, "run", "examples/hello.yaml", "--quiet");
    expect(err).toMatch(/^run [0-9A-Z]{26} \(number 1\)\n$/);
  });
});

test("a failure shows the end of what the failing command wrote, and how to see more", async () => {
  await withState(async (state) => {
    const { code, out, err } = await command(state, "run", "examples/failure.yaml");
    expect(code).toBe(1);
    expect(out).toContain("broken: the end of cmd-000.stderr.log");
    expect(out).toContain("a-file-that-is-not-there");
    expect(out).toContain(`more: orchestrator logs ${runIdOf(err)} broken`);
    expect(out).toMatch(/needs-broken +skipped .*broken/);
    expect(out).toMatch(/independent +succeeded/);
  });
});

test("a denied workflow leaves no state directory behind", async () => {
  await withState(async (state) => {
    const { code, err } = await command(state, "run", "examples/shell-denied.yaml");
    expect(code).toBe(3);
    expect(err).toContain("allow_shell: true");
    expect(existsSync(state)).toBe(false);
  });
});

test("a gate ends the command with exit code 4 and the exact line to type; approved, the run goes on", async () => {
  await withState(async (state) => {
    const waits = await command(state, "run", "examples/gate.yaml", "--sandbox", "none");
    expect(waits.code).toBe(4);
    const run_id = runIdOf(waits.err);
    expect(waits.err).toContain(`    orchestrator approve ${run_id} ship-it\n`);
    expect(waits.err).toContain(`orchestrator run --continue ${run_id}`);

    const shown = await command(state, "show", run_id);
    expect(shown.out).toContain("ship-it waits for a person (gate): The build is done. Publish it?");
    expect(shown.out).toContain("none: commands ran as your user, with all its rights");

    const approved = await command(state, "approve", run_id, "ship-it", "--note", "looks good");
    expect(approved.code, approved.err).toBe(0);
    expect((await command(state, "approve", run_id, "ship-it")).code).toBe(6);

    const went_on = await command(state, "run", "--continue", run_id);
    expect(went_on.code, went_on.err).toBe(0);
    expect(went_on.out).toMatch(/publish +succeeded/);
    expect((await command(state, "show", run_id)).out).toMatch(
      /^decisions\n {2}ship-it {2}approve \(gate\) by operator, [-0-9: ]+: looks good$/m,
    );
  });
});

test("a rejected gate fails the run, which a retry opens again", async () => {
  await withState(async (state) => {
    const run_id = runIdOf((await command(state, "run", "examples/gate.yaml")).err);
    expect((await command(state, "reject", run_id)).code).toBe(0);
    const failed = await command(state, "run", "--continue", run_id);
    expect(failed.code).toBe(1);
    expect(failed.out).toMatch(/ship-it +failed .*rejected/);
    expect((await command(state, "retry", run_id)).code).toBe(0);
    expect((await command(state, "run", "--continue", run_id)).code).toBe(4);
  });
});

test("Ctrl-C cancels the run, ends its commands and waits for both", async () => {
  await withState(async (state) => {
    const { mark, exec } = sleeper();
    const file = workflow(state, {
      long: { exec },
      after: { requires: ["long"], exec: [["node", "-v"]] },
    });
    const running = start(state, ["run", file]);
    await running.says(/long +running/);
    running.child.kill("SIGINT");
    const { code, out, err } = await running.ended;
    expect(code, err).toBe(1);
    expect(err).toContain("cancelling the run");
    expect(out).toMatch(/long +cancelled/);
    expect(out).toMatch(/run [0-9A-Z]{26} \(number 1\) cancelled/);
    expect(processesWith(mark)).toEqual([]);
  });
});

test("a second Ctrl-C does not wait for a command that will not end, and leaves nothing running", async () => {
  await withState(async (state) => {
    const { mark, exec } = sleeper("process.on('SIGTERM', () => {})");
    const running = start(state, ["run", workflow(state, { stubborn: { exec } })]);
    await running.says(/stubborn +running/);
    const logs = start(state, ["logs", "latest", "-f"]);
    await new Promise<void>((resolve) => logs.child.stdout!.once("data", () => resolve()));
    expect(processesWith(mark)).not.toEqual([]);
    running.child.kill("SIGINT");
    await running.says("cancelling the run");
    running.child.kill("SIGINT");
    const began_at = performance.now();
    expect((await running.ended).code).toBe(130);
    expect(performance.now() - began_at).toBeLessThan(8_000);
    logs.child.kill("SIGTERM");
    await logs.ended;
    await expect.poll(() => processesWith(mark), { timeout: 10_000 }).toEqual([]);
  });
});

test("logs -f beside a run that owns the daemon prints everything and ends well with it", async () => {
  await withState(async (state) => {
    const lines = "let n = 0; setInterval(() => { console.log(`line ${++n}`); if (n === 40) process.exit(); }, 50)";
    const running = start(state, [
      "run",
      workflow(state, { talk: { exec: [{ argv: ["node", "-e", lines], allow_shell: true }] } }),
    ]);
    await running.says(/talk +running/);
    const followers = [1, 2, 3].map(() => start(state, ["logs", "latest", "-f"]));
    expect((await running.ended).code).toBe(0);
    for (const { ended } of followers) {
      const { code, out, err } = await ended;
      expect(code, err).toBe(0);
      expect(out).toBe(Array.from({ length: 40 }, (_, i) => `line ${i + 1}\n`).join(""));
    }
  });
});

test("logs -f of a run whose command was killed prints what is there and says that nothing more will come", async () => {
  await withState(async (state) => {
    const running = start(state, ["run", workflow(state, { long: { exec: sleeper().exec } })]);
    await running.says(/long +running/);
    const logs = start(state, ["logs", "latest", "-f"]);
    await new Promise<void>((resolve) => logs.child.stdout!.once("data", () => resolve()));
    running.child.kill("SIGKILL");
    const { code, err } = await logs.ended;
    expect(code, err).toBe(0);
    expect(err).toContain("no daemon is running, so nothing more will come; the run is running");
  });
});

test("several runs at once share one daemon, and each comes to its end whoever owned it", async () => {
  await withState(async (state) => {
    const ended = await Promise.all([1, 2, 3].map(() => command(state, "run", "examples/fan-out-fan-in.yaml")));
    for (const { code, err } of ended) expect(code, err).toBe(0);
    const { out } = await command(state, "ls", "--json");
    const { runs } = JSON.parse(out) as { runs: { status: string }[] };
    expect(runs.map(({ status }) => status)).toEqual(["succeeded", "succeeded", "succeeded"]);
  });
});

test("when the command that owns the daemon is killed, another that watches takes its place", async () => {
  await withState(async (state) => {
    const slow = { slow: { exec: [["sleep", "3"]] } };
    const owner = start(state, ["run", workflow(state, { other: { exec: sleeper().exec } })]);
    await owner.says(/other +running/);
    const watcher = start(state, ["run", workflow(state, slow)]);
    await watcher.says(/slow +(queued|running)/);
    owner.child.kill("SIGKILL");
    await watcher.says("goes on in its place");
    expect((await watcher.ended).code).toBe(0);
  });
});

test("what a command wrote is shown, and a verified bundle that was changed is found", async () => {
  await withState(async (state) => {
    const run_id = runIdOf((await command(state, "run", "examples/fan-out-fan-in.yaml")).err);
    const one = await command(state, "logs", run_id, "sum");
    expect(one.out).toBe("primes-1000: 997\nprimes-10000: 9973\nprimes-100000: 99991\nsum: 110961\n");
    const all = await command(state, "logs", run_id);
    expect(all.out).toMatch(/^sum +\| sum: 110961$/m);
    expect((await command(state, "logs", run_id, "summ")).code).toBe(5);

    const why = await command(state, "why", run_id, "sum");
    expect(why.out).toMatch(/^sum is succeeded: exec [0-9A-Z]{26} succeeded/);
    const rows = await command(state, "query", "SELECT status FROM stage_run", "--json");
    expect(rows.code, rows.err).toBe(0);
    expect(JSON.parse(rows.out)).toEqual([Array.from({ length: 5 }, () => ({ status: "succeeded" }))]);
    expect((await command(state, "rebuild")).code).toBe(0);
    expect((await command(state, "query", "SELECT status FROM stage_run", "--json")).out).toBe(rows.out);

    const stage = join(state, "runs", run_id, "sum");
    const bundle = join(stage, readdirSync(stage)[0]!);
    chmodSync(bundle, 0o700);
    const log = join(bundle, "cmd-000.stdout.log");
    chmodSync(log, 0o600);
    appendFileSync(log, "sum: 0\n");
    const verified = await command(state, "verify", run_id);
    expect(verified.code).toBe(9);
    expect(verified.out).toMatch(/cmd-000\.stdout\.log, byte 69: goes on for 7 bytes after its 69/);
  });
});

test("a workspace outside of the current directory can be named", async () => {
  await withState(async (state) => {
    const workspace = join(state, "..", "workspace");
    mkdirSync(workspace);
    const file = workflow(state, { where: { exec: [["pwd"]] } });
    expect((await command(state, "run", file, "--workspace", workspace)).code).toBe(0);
    expect((await command(state, "logs", "latest", "where")).out).toBe(`${workspace}\n`);
  });
});

test("a run is named by its number or the end of its id as well", async () => {
  await withState(async (state) => {
    const run_id = runIdOf((await command(state, "run", "examples/hello.yaml")).err);
    expect((await command(state, "ls")).out).toMatch(new RegExp(`^NUMBER +RUN .*\\n +1 +${run_id} +hello`));
    for (const name of ["1", "#1", run_id.slice(-5), run_id.slice(0, 12).toLowerCase()]) {
      expect((await command(state, "show", name)).out).toContain(`${run_id} (number 1)`);
    }
    expect((await command(state, "verify", "1")).code).toBe(0);
    const unknown = await command(state, "why", "2", "greet");
    expect(unknown.code).toBe(5);
    expect(unknown.err).toContain("a run is named by its number (12), its id,");
  });
});

test("a run that was left open goes on beside a new one, which says so, and what stays open at the end", async () => {
  await withState(async (state) => {
    const stages = { first: { exec: sleeper().exec }, second: { requires: ["first"], exec: [["node", "-v"]] } };
    const left = start(state, ["run", workflow(state, stages), "--slots", "1"]);
    await left.says(/first +running/);
    const left_id = runIdOf(left.written.err);
    left.child.kill("SIGKILL");
    await left.ended;
    const { code, err } = await command(state, "run", "examples/hello.yaml", "--slots", "2");
    expect(code, err).toBe(0);
    expect(err).toContain("1 other run was left open");
    expect(err).toContain(`  run ${left_id} (number 1) test, 0/2 stages settled\n`);
    expect(err).toContain(`go on: orchestrator run --continue ${left_id}`);
    expect((await command(state, "cancel", left_id)).code).toBe(0);
  });
});
