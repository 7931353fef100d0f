import { parseWorkflow } from "orchestrator-core";
import { expect, test } from "vitest";
import type { Context } from "../../src/context.ts";
import type { Link } from "../../src/daemon/link.ts";
import { type AskingStage, questionText } from "../../src/watch/question.ts";
import { DIGEST, runView, stageView } from "../fixtures.ts";

test("a person sees all that will run, made visible, and what policy says of it", async () => {
  const env = { PLAIN: "a b", HIDDEN: "x\u202ey\u001b[2J", TOKEN: { secret: "deploy" } };
  const deploy = {
    env,
    cwd: "sub",
    sandbox: "contained",
    network: true,
    exec: [{ argv: ["sh", "-c", "rm -rf ./\u202e"], allow_shell: true }, ["npm", "publish"]],
  };
  const workflow = parseWorkflow({ name: "w", stages: { deploy } });
  if (!workflow.ok) throw new Error(JSON.stringify(workflow.error));
  const link = { call: () => Promise.resolve(workflow.value) } as unknown as Link;
  const question = { subject: "exec", digest: DIGEST, message: "?" };
  const stage = stageView("deploy", { question }) as AskingStage;
  const view = runView([stage]);
  const run = { ...view.run, by: { role: "proposer", name: "agent" } };
  const text = (await questionText({ state: "/nowhere" } as Context, link, { ...view, run }, stage)).join("\n");
  expect(text).toContain("npm publish  (in sub)");
  expect(text).toContain("PLAIN='a b'");
  expect(text).toContain("TOKEN=<secret deploy>");
  expect(text).toContain("ask[shell]: ");
  expect(text).toContain("ask[secret]: ");
  expect(text).toContain("with sandbox contained, network");
  // oxlint-disable-next-line no-control-regex -- none may reach the terminal
  expect(text).not.toMatch(/[\u202e\u001b]/);
});
