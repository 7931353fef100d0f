import type { RunSummary } from "orchestrator-core";
import { expect, test } from "vitest";
import { chooseId, chooseRun, findRun } from "../../src/daemon/find-run.ts";
import type { Link } from "../../src/daemon/link.ts";
import { runView } from "../fixtures.ts";

const ids = ["01JD000000000000000000AAAA", "01JD0000000000000000005BBB", "01JE0000000000000000001BBB"];

/** A daemon that has runs with these ids, numbered from 1, but for number 2, which was deleted. */
function daemonWith(...of: readonly string[]): Link {
  const runs = of
    .map((run_id, i): RunSummary => ({ ...runView([]).run, run_id, run_number: i < 1 ? 1 : i + 2 }))
    .reverse();
  return {
    url: "http://test",
    call: (_name: string, { query }: { query: { cursor?: number; limit: number } }) => {
      const page = runs.filter(({ run_number }) => run_number < (query.cursor ?? 1_000)).slice(0, query.limit);
      return Promise.resolve({ runs: page, next: null });
    },
  } as unknown as Link;
}

test("a run is known by its number, with or without the sign", async () => {
  const link = daemonWith(...ids);
  expect(await findRun(link, "1")).toBe(ids[0]);
  expect(await findRun(link, "#3")).toBe(ids[1]);
  expect(await findRun(link, "4")).toBe(ids[2]);
});

test("a number that no run has is unknown, and is not taken for characters of an id", async () => {
  for (const wanted of ["2", "5", "0000"]) {
    await expect(findRun(daemonWith(...ids), wanted)).rejects.toThrow(/run-unknown/);
  }
});

test("latest is the newest run", async () => {
  expect(await findRun(daemonWith(...ids), "latest")).toBe(ids[2]);
  await expect(findRun(daemonWith(), "latest")).rejects.toThrow(/run-unknown: there is no run yet/);
});

test("a whole id is taken as it is, in either case", async () => {
  expect(await findRun(daemonWith(), ids[0]!.toLowerCase())).toBe(ids[0]);
});

test("an end or a beginning that only one run has is enough, in either case", () => {
  expect(chooseId("aaaa", ids)).toBe(ids[0]);
  expect(chooseId("1BBB", ids)).toBe(ids[2]);
  expect(chooseId("01je00", ids)).toBe(ids[2]);
});

test("what several runs have is refused with their ids, and says what would do", () => {
  expect(() => chooseId("BBB5", ids)).toThrow(/run-unknown/);
  expect(() => chooseId("01JD", ids)).toThrow(/run-ambiguous: 2 runs' ids begin or end with `01JD`: 01JD0{18}AAAA/);
});

test("what is no way to name a run is answered with the ways there are", () => {
  for (const wanted of ["01J", "lastest", "--", "build-test", "#x", "12a"]) {
    expect(() => chooseId(wanted, ids)).toThrow(/run-unknown/);
    try {
      chooseId(wanted, ids);
    } catch (error) {
      expect(JSON.stringify(error)).toContain("a run is named by its number (12), its id, at least 4 characters");
    }
  }
});

test("where there is no journal, a number says that it cannot be looked up, and the rest works", () => {
  expect(() => chooseRun("1", ids)).toThrow(/run-unknown: a run's number stands in the journal/);
  expect(chooseRun("latest", ids)).toBe(ids[2]);
  expect(chooseRun("aaaa", ids)).toBe(ids[0]);
});
