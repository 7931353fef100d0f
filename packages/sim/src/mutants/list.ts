/**
 * Planted bugs. Each replaces an exact piece of production code in memory, never on disk; a piece that is not there
 * exactly once is an error, so a mutant cannot quietly become none. White space does not count.
 */
export interface Mutant {
  readonly name: string;
  /** What it breaks, for people. */
  readonly breaks: string;
  readonly edits: readonly Edit[];
}

export interface Edit {
  /** `packages/<package>/src/` and the rest without its ending, as `core run/apply`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** The name of the code as it is. */
export const UNCHANGED = "unchanged";

const one = (name: string, breaks: string, file: string, find: string, replace: string): Mutant => ({
  name,
  breaks,
  edits: [{ file, find, replace }],
});

export const mutants: readonly Mutant[] = [
  // transition
  one(
    "fence-unchecked",
    "a report with another fence counts",
    "core run/transition",
    "if (exec.fence !== holder.fence) {",
    "if (false) {",
  ),
  one(
    "fence-from-memory",
    "the fence of a report is taken from memory, not from the report",
    "daemon owner/dispatch",
    "const holder = { stage_id, exec_id, fence, agent_id };",
    "const holder = { stage_id, exec_id, fence: run.stage(number).fence, agent_id };",
  ),
  one(
    "holder-unchecked",
    "anybody may report and renew what another agent holds",
    "core run/transition",
    "if (exec.agent_id !== holder.agent_id) {",
    "if (false) {",
  ),
  one(
    "fence-reused",
    "a grant takes the last fence again",
    "core run/transition",
    "fence: stage.fence + 1,",
    "fence: Math.max(1, stage.fence),",
  ),
  one(
    "once-runs-again",
    "a stage that says `effects: once` runs again after a lost lease",
    "core run/transition",
    'else if (spec.exec.effects === "once") {',
    "else if (false) {",
  ),
  one(
    "lost-lease-is-failure",
    "a lost lease spends the budget of retries",
    "core run/apply",
    "leases_lost: stage.leases_lost + 1,",
    "leases_lost: stage.leases_lost + 1, failures: stage.failures + 1,",
  ),
  one(
    "retries-once-too-often",
    "attempts_max failures do not end a stage",
    "core run/transition",
    "stage.failures + 1 < retry.attempts_max",
    "stage.failures < retry.attempts_max",
  ),
  one(
    "leases-without-end",
    "leases_lost_max ends nothing",
    "core run/transition",
    "stage.leases_lost + 1 < spec.leases_lost_max",
    "stage.leases_lost < spec.leases_lost_max + 1",
  ),
  one(
    "digest-unchecked",
    "a decision on other commands counts",
    "core run/transition",
    "if (digest !== questionDigest(step.run, stage, subject)) {",
    "if (false) {",
  ),
  one(
    "cancel-forgets-queued",
    "a cancel leaves queued stages in the queue",
    "core run/transition",
    'if (status === "running" || isSettled(status)) continue;',
    'if (status === "running" || status === "queued" || isSettled(status)) continue;',
  ),
  one(
    "ask-forgotten",
    "a stage that policy asks about runs without an answer after a retry of its run",
    "core run/apply",
    "const asks = stage.ask && stage.released === null;",
    "const asks = false;",
  ),
  one(
    "release-forgotten",
    "a word about a lost exec takes away the word that lets its commands run",
    "core run/apply",
    "released: releases ? approval : stage.released }",
    "released: releases ? approval : null }",
  ),
  one(
    "doubt-forgotten",
    "a `once` stage that was lost and cancelled runs again when its run is retried",
    "core run/apply",
    "if (doubt) move(",
    "if (false) move(",
  ),
  one(
    "fail-fast-forgotten",
    "a workflow that says fail_fast goes on",
    "core run/transition",
    "if (failed && this.run.plan.workflow.fail_fast && this.run.head.stopping === null) {",
    "if (false) {",
  ),
  one(
    "skipped-too-early",
    "a stage is skipped before all that it requires have settled",
    "core run/readiness",
    'if (unsettled > 0) return { kind: "waits", for: "requirements" };',
    'if (unsettled > 0 && unsuccessful === null) return { kind: "waits", for: "requirements" };',
  ),
  one(
    "begins-too-early",
    "a stage begins when the first of what it requires has succeeded",
    "core run/readiness",
    'if (unsettled > 0) return { kind: "waits", for: "requirements" };',
    'if (unsettled > 1) return { kind: "waits", for: "requirements" };',
  ),

  // apply
  one(
    "edge-not-counted",
    "a stage with several dependents does not tell the last of them",
    "core run/apply",
    "for (const number of planned.dependents) {",
    "for (const number of planned.dependents.length > 2 ? planned.dependents.slice(1) : planned.dependents) {",
  ),
  one(
    "counts-drift",
    "a retry's backoff is not counted",
    "core run/apply",
    "counts[to.status] += 1;",
    "counts[to.status] += backsOff(to) === 1 ? 0 : 1;",
  ),
  one(
    "outputs-lost",
    "outputs of a stage are not handed on",
    "core run/apply",
    "outputs: result.outputs, at: event.at }",
    "outputs: {}, at: event.at }",
  ),
  one(
    "why-silent",
    "`why` of a stage that waits for its backoff is empty",
    "core run/why",
    "return say(`attempt ${stage.jobs.length} failed; it is tried again in ${formatDuration(Math.max(0, due - now))}`);",
    'return say("");',
  ),

  // group commit
  one(
    "acknowledged-before-commit",
    "a caller is answered before its events are stored",
    "daemon owner/committer",
    "if (extra.reopened) batch.reopened.push(run_id); return this.barrier();",
    "if (extra.reopened) batch.reopened.push(run_id); void this.barrier().catch(() => {}); return Promise.resolve();",
  ),
  one(
    "shown-before-commit",
    "a reader sees what is not stored",
    "daemon owner/owner",
    "const view = render(run); await this.#committer.barrier(); return view;",
    "const view = render(run); return view;",
  ),
  one(
    "granted-before-commit",
    "an agent is given a job before the grant is stored",
    "daemon owner/dispatch",
    "if (waited === null) return []; await this.#ledger.barrier();",
    "if (waited === null) return [];",
  ),
  one(
    "reported-before-commit",
    "a report is acknowledged before it is stored",
    "daemon owner/dispatch",
    "} await this.#ledger.barrier(); return { outcomes, jobs: [...jobs] };",
    "} return { outcomes, jobs: [...jobs] };",
  ),
  one(
    "streamed-before-commit",
    "watchers hear of events before they are stored",
    "daemon owner/committer",
    "this.#inFlight = batch; try {",
    "this.#inFlight = batch; this.#onStored(batch.events); try {",
  ),
  one(
    "conflict-dropped",
    "a batch that met a conflict is taken for stored",
    "daemon owner/committer",
    'if (!(error instanceof CommitFailed && error.outcome === "conflict")) throw error;',
    'if (!(error instanceof CommitFailed && error.outcome === "conflict")) throw error; return;',
  ),
  one(
    "unknown-ignored",
    "a commit of unknown outcome is taken for stored",
    "daemon owner/committer",
    "this.#break(error, batch); return;",
    "",
  ),
  one(
    "half-a-batch",
    "only the first events of a run in a batch are stored",
    "daemon owner/committer",
    "if (held) held.push(...events);",
    "if (held) held.push(...events.slice(0, 1));",
  ),
  one(
    "two-commits-at-once",
    "a commit does not wait for the one in flight",
    "daemon owner/committer",
    "while (this.#inFlight === null && !this.#batches[0].empty",
    "while (!this.#batches[0].empty",
  ),

  // recovery
  one(
    "tail-skipped",
    "the journal's last event is not replayed",
    "daemon owner/load",
    "for (const event of events) apply(run, event, now);",
    "for (const event of events.slice(0, Math.max(1, events.length - 1))) apply(run, event, now);",
  ),
  one(
    "replayed-twice",
    "the journal's last event is replayed twice",
    "daemon owner/load",
    "for (const event of events) apply(run, event, now);",
    "for (const event of [...events, { ...events.at(-1), seq: events.length + 1 }]) apply(run, event, now);",
  ),
  one(
    "edge-forgotten-on-reload",
    "a workflow that was read from the store lacks an edge",
    "daemon owner/load",
    "const plan = makePlan(workflow, policy_digest); this.put(digest, plan);",
    `const plan = makePlan(workflow, policy_digest);
     const last = plan.stages.findLast(({ requires }) => requires.length > 0);
     if (last) { const r = last.requires.pop(); plan.stages[r].dependents.splice(plan.stages[r].dependents.indexOf(last.number), 1); }
     this.put(digest, plan);`,
  ),
  one(
    "reopened-forgotten",
    "a run that was retried is not active after a restart",
    "daemon owner/committer",
    "if (extra.reopened) batch.reopened.push(run_id);",
    "",
  ),
  one(
    "backoff-forgotten-on-reload",
    "a retry that waited when the daemon died is never queued",
    "daemon owner/owner",
    "for (const { number } of run.plan.stages) this.#index(run, number);",
    'for (const { number } of run.plan.stages) if (run.stage(number).state.status !== "pending") this.#index(run, number);',
  ),

  // projector
  one(
    "projected-before-commit",
    "records show what is not stored",
    "daemon owner/projector",
    "await this.#ports.barrier(); await this.#ports.store.project(",
    "await this.#ports.store.project(",
  ),
  one(
    "projected-out-of-order",
    "a portion of records does not wait for the one before",
    "daemon owner/projector",
    "await this.#writePortion(waiting, all); again = true;",
    "void this.#writePortion(waiting, all); again = true;",
  ),
  one(
    "never-forgotten",
    "a run that has ended, and whose records are complete, stays active",
    "daemon owner/projector",
    'const complete = rest === 0 && run.head.status !== "running";',
    "const complete = false;",
  ),
  one(
    "projection-forgets-where",
    "the projector does not know which records exist",
    "daemon owner/projector",
    "for (const [number, seq] of taken) at[number] = seq;",
    "",
  ),
  one(
    "projection-skips-changes",
    "a stage that changes while its record is on its way is not written again",
    "daemon owner/projector",
    "taken.push([number, run.stage(number).changed_seq]);",
    "taken.push([number, run.head.seq + 5]);",
  ),

  // owner, leases
  one(
    "request-id-ignored",
    "a claim that is asked again is granted other jobs",
    "daemon owner/dispatch",
    "const grants = this.#grantOrRepeat(agent, body);",
    "const grants = this.#grant(agent, body);",
  ),
  one(
    "lease-never-renewed",
    "a heartbeat renews nothing",
    "daemon owner/dispatch",
    "lease_deadline: now + state.lease_ms } });",
    "lease_deadline: state.lease_deadline } });",
  ),
  one(
    "lease-never-expires",
    "a lease whose time has passed is never taken back",
    "daemon owner/owner",
    'this.#actQuietly(run, { type: "expire", stage_id, exec_id });',
    "",
  ),
  one(
    "lease-lost-at-start",
    "a restarted daemon gives running leases no time",
    "daemon owner/owner",
    "for (const { number } of run.plan.stages) this.#index(run, number);",
    `for (const { number } of run.plan.stages) {
       const s = run.stage(number);
       if (s.state.status === "running") run.put({ ...s, state: { ...s.state, lease_deadline: 0 } });
       this.#index(run, number);
     }`,
  ),
  one(
    "cancel-not-told",
    "agents are not told to end what was cancelled",
    "daemon owner/dispatch",
    ".filter(([, held]) => isDue(held))",
    ".filter(() => false)",
  ),

  // agent exchange and leases
  one(
    "lease-from-answer",
    "the agent counts a lease from the answer, not from its request",
    "agent exchange",
    "take(jobs, answer.sent, body.jobs_max);",
    "take(jobs, clock.now(), body.jobs_max);",
  ),
  one(
    "renewed-from-answer",
    "the agent counts a renewal from the answer, not from its heartbeat",
    "agent heartbeats",
    "exec.renew(sent);",
    "exec.renew(clock.now());",
  ),
  one(
    "lease-unwatched",
    "the agent lets commands run on when their lease is over",
    "agent slots",
    "lease.watch(() => halt.set(LEASE_LOST.cause, LEASE_LOST.message));",
    "",
  ),
  one(
    "cancel-unheard",
    "the agent lets a cancelled command run on",
    "agent slots",
    'else if (exec.state === "running") exec.halt.set("cancelled", "the run is being cancelled");',
    "",
  ),
  one(
    "told-too-early",
    "a cancel that comes before its grant is forgotten",
    "agent slots",
    "if (exec === undefined) cancelled.add(exec_id);",
    "if (exec === undefined) return;",
  ),
  one(
    "report-not-repeated",
    "a report that got no answer is not said again",
    "agent exchange",
    'const answer = await link.askUntilAnswered("complete", { body }, timeout);',
    `const sent = clock.now();
     const said = await link.ask("complete", { body }, times.lease_ms_assumed);
     const answer = said === null
       ? { sent, result: { ok: true, value: { outcomes: completions.map(({ exec_id }) => ({ exec_id, outcome: "accepted" })), jobs: [] } } }
       : { sent, result: said };`,
  ),
  one(
    "refused-not-marked",
    "the bundle of a refused report is not marked",
    "agent reports",
    "markFenced(ports, paths, exec_id, code, message);",
    "",
  ),
  one("held-not-written", "a grant is not written down before it begins", "agent slots", "held.hold(grant);", ""),
  one(
    "adoption-kills-nothing",
    "commands of a dead agent are left alone",
    "agent adopt",
    'return endProcesses(ports, search, "left behind by an agent that died", grace);',
    "return Promise.resolve({ signalled: [], survivors: 0, search, endProcesses, grace });",
  ),
  one(
    "adoption-forgets-finished",
    "an exec whose bundle was published is reported as lost",
    "agent adopt",
    'manifest !== null ? { kind: "manifest", manifest } :',
    'manifest !== null ? { kind: "lost" } :',
  ),
  one(
    "timeout-ignored",
    "a command's timeout ends nothing",
    "agent exec/command",
    "if (timeout_ms !== null) {",
    "if (timeout_ms === undefined) {",
  ),
  one(
    "group-left-behind",
    "what a command leaves in its group is left alone",
    "agent exec/ending",
    "return world.processes.mayExist(pid) ?",
    "return false ?",
  ),
  {
    name: "never-killed",
    breaks: "what ignores SIGTERM lives on",
    edits: [
      { file: "agent exec/ending", find: 'send("SIGKILL", left);', replace: "" },
      { file: "agent exec/ending", find: 'await until(() => given_up, "SIGKILL");', replace: "" },
    ],
  },

  // bundle writer
  one(
    "log-not-synced",
    "logs are not synced before their bundle is published",
    "agent bundle/writer",
    "else if (size > 0) files.sync(fd);",
    "",
  ),
  one(
    "manifest-not-synced",
    "the manifest is not synced before its bundle is published",
    "agent bundle/writer",
    "files.chmod(fd, 0o444); files.sync(fd); } finally",
    "files.chmod(fd, 0o444); } finally",
  ),
  one(
    "names-not-synced",
    "a bundle is reported before its name is synced",
    "agent bundle/writer",
    "syncNames(files, paths.stage, topmost_created); return text;",
    "return text;",
  ),
  one(
    "foreign-names-not-synced",
    "a directory that another agent made is taken for synced",
    "agent bundle/writer",
    "if (!isOurs && !isNew) return;",
    "if (!isOurs) return;",
  ),
  one(
    "unsealed-forgotten",
    "a bundle that a failing disk did not let us seal is held no longer",
    "agent reports",
    "if (isSealed(ports.files, paths, report)) held.release(exec_id);",
    "held.release(exec_id);",
  ),
  one(
    "adopted-not-synced",
    "a bundle that a dead agent published is reported before its name is synced",
    "agent adopt",
    "if (manifest !== null) syncPublished(files, paths);",
    "if (manifest !== null) void syncPublished;",
  ),
  one(
    "published-by-copy",
    "a bundle is copied to its place",
    "agent bundle/writer",
    "files.rename(paths.temporary, paths.published);",
    `files.mkdirs(paths.published, 0o700);
     for (const name of files.list(paths.temporary)) files.writeText(join(paths.published, name), files.readText(join(paths.temporary, name)), 0o444);
     files.syncDirectory(paths.temporary, 0o700);
     files.removeTree(paths.temporary);
     files.syncDirectory(paths.published, 0o555);`,
  ),
  one(
    "incomplete-unmarked",
    "a cut-off bundle is not marked as incomplete",
    "agent bundle/writer",
    "writeSynced(files, join(paths.temporary, INCOMPLETE_NAME), canonicalJson(mark));",
    "void mark;",
  ),
  one(
    "incomplete-published",
    "a cut-off bundle is published as if it were whole",
    "agent bundle/writer",
    "files.rename(paths.temporary, paths.incomplete);",
    "files.rename(paths.temporary, paths.published);",
  ),
];
