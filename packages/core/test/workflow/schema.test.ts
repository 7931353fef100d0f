import { expect, test } from "vitest";
import { workflowJsonSchema } from "../../src/workflow/schema.ts";

test("the editor's schema is JSON Schema alone: closed, described, and without annotations of ours", () => {
  const text = JSON.stringify(workflowJsonSchema());
  expect(JSON.parse(text)).toMatchObject({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "urn:orchestrator:workflow:1",
    title: "Orchestrator workflow",
    type: "object",
    required: ["name", "stages"],
    additionalProperties: false,
  });
  expect(text).not.toMatch(/"x-|"~/);
});

test("the editor's schema says the defaults that the parser takes", () => {
  const defaults: Record<string, unknown> = {};
  JSON.stringify(workflowJsonSchema(), (key, value: unknown) => {
    if (typeof value === "object" && value !== null && "default" in value) defaults[key] = value.default;
    return value;
  });
  expect(defaults).toEqual({
    fail_fast: false,
    allow_shell: false,
    allow_failure: false,
    attempts_max: 1,
    backoff: "1s",
    leases_lost_max: 3,
    effects: "idempotent",
    sandbox: "none",
    network: false,
    signal: "SIGTERM",
  });
});
