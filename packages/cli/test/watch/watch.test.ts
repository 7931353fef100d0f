import { Readable } from "node:stream";
import { NoAnswer, type Recorded, type RunEvent, type RunView } from "orchestrator-core";
import { expect, test } from "vitest";
import { makeContext } from "../../src/context.ts";
import type { Link } from "../../src/daemon/link.ts";
import type { Host } from "../../src/watch/host.ts";
import { makeProgress } from "../../src/watch/progress.ts";
import { watchRun } from "../../src/watch/watch.ts";
import { BEGAN_MS, DIGEST, type FakeIo, fakeIo, RUN_ID, runView, stageView } from "../fixtures.ts";

/** A daemon in a few lines: it has one run with one gate, and events that the test adds. */
class FakeDaemon implements Host {
  readonly own = true;
  readonly broken = new Promise<never>(() => {});
  readonly calls: { name: string; input: unknown }[] = [];
  readonly events: Recorded[] = [];
  /** What each connection gives before it is cut; the last one ends in order. */
  cuts: number[] = [];
  view: RunView = runView([stageView("ship-it", { kind: "gate" })]);
  onCall: (name: string) => void = () => {};

  add(event: RunEvent): void {
    const seq = this.events.length + 1;
    this.events.push({ ...event, seq, at: BEGAN_MS + seq * 1_000 } as Recorded);
    this.view = { ...this.view, seq };
  }

  become(status: RunView["run"]["status"], stage: Parameters<typeof stageView>[1]): void {
    const stages = [stageView("ship-it", { kind: "gate", ...stage })];
    this.view = { ...this.view, run: { ...this.view.run, status }, stages };
  }

  readonly #link = {
    url: "http://test",
    call: (name: string, input: unknown) => {
      this.calls.push({ name, input });
      this.onCall(name);
      return Promise.resolve(this.view);
    },
    stream: (_name: string, _input: unknown, headers: Record<string, string>) => {
      const after = Number(headers["last-event-id"]);
      const texts = this.events.filter(({ seq }) => seq > after).map((event) => `data: ${JSON.stringify(event)}\n\n`);
      const cut = this.cuts.shift();
      const body = cut === undefined ? texts : texts.slice(0, cut);
      return Promise.resolve(Object.assign(Readable.from(body), { complete: cut === undefined }));
    },
  };

  async talk<T>(use: (link: Link) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await use(this.#link as unknown as Link);
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
      }
    }
  }
  abandon(): void {}
  async close(): Promise<void> {}
}

function gateReached(): FakeDaemon {
  const daemon = new FakeDaemon();
  daemon.add({ type: "gate_reached", stage_id: "ship-it" });
  const question = { subject: "gate", digest: DIGEST, message: "Publish?" };
  daemon.become("needs_human", { status: "needs_human", question });
  return daemon;
}

function settle(daemon: FakeDaemon, status: "succeeded" | "failed" | "cancelled"): void {
  daemon.add({ type: "run_settled", status });
  daemon.become(status, { status });
}

async function watch(daemon: FakeDaemon, io: FakeIo) {
  const context = makeContext({ state: "/state" }, { io, env: {}, cwd: "/" });
  const seqs: number[] = [];
  const watched = await watchRun(context, {
    host: daemon,
    run_id: RUN_ID,
    progress: makeProgress(context),
    from_start: true,
    onEvent: ({ seq }) => seqs.push(seq),
  });
  return { ...watched, seqs };
}

test("a run that only a person can move on ends the watching, where nobody can be asked", async () => {
  const io = fakeIo();
  const { end } = await watch(gateReached(), io);
  expect(end).toBe("needs_human");
  expect(io.written.err).toContain("ship-it           needs_human");
});

test("on a terminal the person is asked, and the answer names the digest of the question", async () => {
  const daemon = gateReached();
  daemon.onCall = (name) => {
    if (name === "decide") settle(daemon, "succeeded");
  };
  const io = fakeIo({ can_ask: true, answers: ["y"] });
  const { end } = await watch(daemon, io);
  expect(end).toBe("settled");
  expect(io.written.err).toContain("ship-it waits for a person (gate): Publish?");
  expect(daemon.calls.find(({ name }) => name === "decide")?.input).toMatchObject({
    params: { run_id: RUN_ID, stage_id: "ship-it" },
    body: { decision: "approve", subject: "gate", digest: DIGEST },
  });
});

test("no is a rejection", async () => {
  const daemon = gateReached();
  daemon.onCall = (name) => {
    if (name === "decide") settle(daemon, "failed");
  };
  await watch(daemon, fakeIo({ can_ask: true, answers: ["n"] }));
  expect(daemon.calls.find(({ name }) => name === "decide")?.input).toMatchObject({ body: { decision: "reject" } });
});

test("any other answer leaves the question open, and the run waits", async () => {
  const daemon = gateReached();
  const { end } = await watch(daemon, fakeIo({ can_ask: true, answers: ["hm"] }));
  expect(end).toBe("needs_human");
  expect(daemon.calls.map(({ name }) => name)).not.toContain("decide");
});

test("a question that is answered elsewhere is taken back, and the watching goes on", async () => {
  const daemon = gateReached();
  const ask: FakeIo["ask"] = (_question, signal) =>
    new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve(null));
      daemon.add({ type: "stage_cancelled", stage_id: "ship-it", reason: "cancelled" });
      settle(daemon, "cancelled");
    });
  const { end } = await watch(daemon, Object.assign(fakeIo({ can_ask: true }), { ask }));
  expect(end).toBe("settled");
  expect(daemon.calls.map(({ name }) => name)).not.toContain("decide");
});

test("a cut connection is resumed after the last event that came: none is lost, none repeated", async () => {
  const daemon = new FakeDaemon();
  for (let i = 0; i < 5; i++) daemon.add({ type: "fail_fast_began", stage_id: "ship-it" });
  settle(daemon, "succeeded");
  daemon.cuts = [2, 0, 1];
  const { end, seqs } = await watch(daemon, fakeIo());
  expect(end).toBe("settled");
  expect(seqs).toEqual([1, 2, 3, 4, 5, 6]);
});

test("Ctrl-C cancels the run and the watching goes on to its end", async () => {
  const daemon = gateReached();
  const io = fakeIo({ can_ask: true });
  daemon.onCall = (name) => {
    if (name === "cancelRun") settle(daemon, "cancelled");
  };
  const ask: FakeIo["ask"] = () => {
    io.interrupt();
    return Promise.resolve(null);
  };
  const { end, view } = await watch(daemon, Object.assign(io, { ask }));
  expect([end, view.run.status]).toEqual(["settled", "cancelled"]);
});
