import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { backoffDelay, type ChildEnd, supervise } from "../../src/local/supervise.ts";

const backoff = { first_ms: 5, max_ms: 20, steady_ms: 60_000 };
const node = (code: string) => spawn(process.execPath, ["-e", code], { stdio: ["pipe", "pipe", "inherit"] });

test("a child that keeps dying is started ever later, up to a bound", () => {
  const policy = { first_ms: 250, max_ms: 1_000, steady_ms: 60_000 };
  expect(backoffDelay(policy, null, 10)).toBe(250);
  expect(backoffDelay(policy, 250, 10)).toBe(500);
  expect(backoffDelay(policy, 800, 10)).toBe(1_000);
});

test("a child that lived long begins anew with the shortest delay", () => {
  expect(backoffDelay({ first_ms: 250, max_ms: 1_000, steady_ms: 60_000 }, 1_000, 60_000)).toBe(250);
});

test("a child that dies is started again, until it ends in order", async () => {
  const codes = [75, 1, 0];
  const restarts: ChildEnd[] = [];
  const one = supervise({
    name: "child",
    start: () => node(`process.exit(${codes.shift()})`),
    onRestart: (end) => restarts.push(end),
    backoff,
  });
  expect(await one.ended).toEqual({ code: 0, signal: null });
  expect(restarts.map(({ code }) => code)).toEqual([75, 1]);
});

test("a child whose command line is wrong is not started again", async () => {
  const one = supervise({
    name: "child",
    start: () => node("process.exit(2)"),
    onRestart: () => expect.unreachable(),
    backoff,
  });
  expect(await one.ended).toEqual({ code: 2, signal: null });
});

test("stopping asks with SIGTERM and waits for the end", async () => {
  let child = node("process.on('SIGTERM', () => process.exit(3)); console.log('up'); setInterval(() => {}, 1000)");
  const first = child;
  const one = supervise({ name: "child", start: () => child, onRestart: () => expect.unreachable(), backoff });
  await once(first.stdout!, "data");
  child = node("");
  expect(await one.stop()).toEqual({ code: 3, signal: null });
});

test("a child that is told to stop between two starts is not started again", async () => {
  let starts = 0;
  const restarted = new Promise<void>((resolve) => {
    const one = supervise({
      name: "child",
      start: () => {
        starts++;
        return node("process.exit(1)");
      },
      onRestart: () => {
        void one.stop().then(() => resolve());
      },
      backoff: { ...backoff, first_ms: 60_000 },
    });
  });
  await restarted;
  expect(starts).toBe(1);
});
