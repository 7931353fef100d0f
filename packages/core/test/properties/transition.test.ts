import fc from "fast-check";
import { apply, isSettled, MemoryRun, type StageRun, stageStatuses, transition } from "orchestrator-core";
import { expect, test } from "vitest";
import { attempts, workflows } from "./arbitrary.ts";
import { Pair } from "./attempt.ts";

const RUNS = 1_500;
const stories = fc.tuple(workflows, attempts(60));

const stagesOf = (run: MemoryRun): StageRun[] => run.plan.stages.map(({ number }) => run.stage(number));

/** Without what counts on the clock of one process. */
const timeless = (run: MemoryRun): unknown => ({
  head: run.head,
  stages: stagesOf(run).map(({ state, ...rest }) => {
    const { lease_deadline: _, due, ...facts } = { lease_deadline: 0, due: null, ...state };
    return { ...rest, state: { ...facts, backs_off: due !== null } };
  }),
});

test("a run does what a person who looks over the whole of it would say, whatever is tried on it", () => {
  fc.assert(
    fc.property(stories, ([{ workflow, asks }, tried]) => {
      const pair = new Pair(workflow, asks);
      const agree = (): void => {
        const { run, model } = pair;
        expect(run.head.status).toBe(model.status);
        expect(run.head.stopping?.cause ?? null).toBe(model.stopping);
        for (const { stage_id, number } of run.plan.stages) {
          const { state, jobs, execs, failures, leases_lost } = run.stage(number);
          const told = model.stages.get(stage_id)!;
          const subject = state.status === "needs_human" ? state.subject : null;
          expect([stage_id, state.status, subject]).toEqual([stage_id, told.status, told.subject]);
          expect([jobs.length, failures, leases_lost]).toEqual([told.attempts, told.failures, told.lost]);
          expect(execs.map(({ fence }) => fence)).toEqual(told.execs.map(({ fence }) => fence));
        }
      };
      agree();
      for (const attempt of tried) {
        const said = pair.try(attempt);
        if (said !== null) expect([attempt.what, said.real]).toEqual([attempt.what, said.model]);
        agree();
      }
    }),
    { numRuns: RUNS },
  );
});

test("a run that is made anew from its events is the run that it was, after every action", () => {
  fc.assert(
    fc.property(stories, ([{ workflow, asks }, tried]) => {
      const pair = new Pair(workflow, asks);
      for (const attempt of tried) pair.try(attempt);
      const anew = new MemoryRun(pair.run.run_id, pair.run.plan);
      for (const event of JSON.parse(JSON.stringify(pair.events)) as typeof pair.events) apply(anew, event, 5_000);
      expect(timeless(anew)).toEqual(timeless(pair.run));
    }),
    { numRuns: RUNS },
  );
});

test("deciding changes nothing; a run's counts are those of its stages; a stage succeeds once", () => {
  fc.assert(
    fc.property(stories, ([{ workflow, asks }, tried]) => {
      const pair = new Pair(workflow, asks);
      for (const attempt of tried) {
        const before = JSON.stringify(timeless(pair.run));
        transition(pair.run, { type: "cancel", by: { role: "operator", name: "o" }, note: "" }, pair.now);
        transition(pair.run, { type: "retry", by: { role: "operator", name: "o" } }, pair.now);
        expect(JSON.stringify(timeless(pair.run))).toBe(before);
        pair.try(attempt);
        const { head } = pair.run;
        const stages = stagesOf(pair.run);
        for (const status of stageStatuses) {
          expect([status, head.counts[status]]).toEqual([
            status,
            stages.filter((s) => s.state.status === status).length,
          ]);
        }
        expect(head.backing_off).toBe(
          stages.filter(({ state }) => state.status === "pending" && state.due !== null).length,
        );
        for (const { number, unsettled } of stages) {
          const open = pair.run.plan.stages[number]!.requires.filter((r) => !isSettled(pair.run.stage(r).state.status));
          expect(unsettled).toBe(open.length);
        }
      }
      const successes = pair.events
        .filter(({ type }) => type === "exec_succeeded")
        .map((e) => "stage_id" in e && e.stage_id);
      expect(new Set(successes).size).toBe(successes.length);
    }),
    { numRuns: RUNS },
  );
});
