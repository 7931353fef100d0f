import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ProblemError } from "orchestrator-core";
import { expect, test } from "vitest";
import { takeIdentity, tryTake, whenLeftOversAreSettled } from "../src/identity.ts";
import { type Files, type Processes, realClock, realFiles, realProcesses } from "../src/index.ts";
import { makePlace } from "./fixtures.ts";

/** The processes of a world in which only these live. */
function world(pid: number, alive: ReadonlySet<number>): { files: Files; processes: Processes } {
  const real = realProcesses();
  return {
    files: realFiles,
    processes: {
      ...real,
      self: { ...real.self, pid },
      startOf: (of) => (alive.has(of) ? `start of ${of}` : null),
    },
  };
}

test("agents take the lowest free name, and one that was given up is free again", () => {
  const { state } = makePlace();
  const alive = new Set([1, 2, 3]);
  const first = takeIdentity(world(1, alive), state, null);
  const second = takeIdentity(world(2, alive), state, null);
  expect([first.agent_id, second.agent_id]).toEqual(["local-1", "local-2"]);
  first.release();
  expect(takeIdentity(world(3, alive), state, null).agent_id).toBe("local-1");
});

test("the name of a dead agent is taken over", () => {
  const { state } = makePlace();
  takeIdentity(world(1, new Set([1])), state, "mine");
  expect(takeIdentity(world(2, new Set([2])), state, "mine").agent_id).toBe("mine");
  expect(readdirSync(join(state, "agents", "mine"))).toEqual(["lock.2"]);
});

test("a process with the same number and another start is not the owner", () => {
  const { state } = makePlace();
  takeIdentity(world(1, new Set([1])), state, "mine");
  const later = world(2, new Set([1, 2]));
  const processes = { ...later.processes, startOf: (pid: number) => `another start of ${pid}` };
  expect(tryTake({ ...later, processes }, state, "mine", "itself")).not.toBeNull();
});

test("the name of a live agent is refused", () => {
  const { state } = makePlace();
  const alive = new Set([1, 2]);
  takeIdentity(world(1, alive), state, "mine");
  expect(() => takeIdentity(world(2, alive), state, "mine")).toThrow(ProblemError);
});

test("of two that find the same dead owner, one wins", () => {
  const { state } = makePlace();
  takeIdentity(world(1, new Set([1])), state, "mine");
  const alive = new Set([2, 3]);
  let rival: ReturnType<typeof tryTake> = null;
  const slow = world(2, alive);
  const files: Files = {
    ...realFiles,
    link(from, to) {
      // between the look and the link, another one does the whole of it
      rival ??= tryTake(world(3, alive), state, "mine", "itself");
      return realFiles.link(from, to);
    },
  };
  expect(tryTake({ ...slow, files }, state, "mine", "itself")).toBeNull();
  expect(rival).not.toBeNull();
});

test("a rival that slept while others came and went does not take a number that is past", () => {
  const { state } = makePlace();
  takeIdentity(world(1, new Set([1])), state, "mine");
  const alive = new Set([2, 5]);
  let asleep = true;
  const files: Files = {
    ...realFiles,
    link(from, to) {
      if (asleep) {
        asleep = false;
        for (const pid of [3, 4, 5]) tryTake(world(pid, new Set([pid])), state, "mine", "itself");
      }
      return realFiles.link(from, to);
    },
  };
  expect(tryTake({ ...world(2, alive), files }, state, "mine", "itself")).toBeNull();
  expect(readdirSync(join(state, "agents", "mine"))).toEqual(["lock.4"]);
});

test.each(["remove", "list"] as const)("a name that was won before the disk refused %s is free again", (refused) => {
  const { state } = makePlace();
  takeIdentity(world(1, new Set([1])), state, "mine");
  const alive = new Set([2, 3]);
  let won = false;
  let refusals = 0;
  const refuse = (): void => {
    if (won && refusals++ === 0) throw new Error("EIO");
  };
  const files: Files = {
    ...realFiles,
    link: (from, to) => (won = realFiles.link(from, to)),
    [refused]: (path: string) => {
      refuse();
      return realFiles[refused](path);
    },
  };
  expect(() => tryTake({ ...world(2, alive), files }, state, "mine", "heir")).toThrow("EIO");
  expect(refusals).toBe(1);
  expect(takeIdentity(world(3, alive), state, "mine").agent_id).toBe("mine");
});

test("an agent waits while another settles what the last one of its name left, and not for one that runs", async () => {
  const { state } = makePlace();
  const alive = new Set([1, 2]);
  const heir = tryTake(world(1, alive), state, "mine", "heir");
  const clock = realClock;
  let waited = false;
  let settled = false;
  const free = whenLeftOversAreSettled({ ...world(2, alive), clock }, state, "mine", () => {
    waited = true;
  }).then(() => {
    settled = true;
  });
  expect([waited, settled]).toEqual([true, false]);
  heir?.release();
  await free;
  takeIdentity(world(2, alive), state, "mine");
  await whenLeftOversAreSettled({ ...world(1, alive), clock }, state, "mine", () => {
    throw new Error("it runs: there is nothing to wait for");
  });
});
