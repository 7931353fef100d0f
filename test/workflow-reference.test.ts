import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseWorkflowText, workflowJsonSchema } from "orchestrator-core";
import { describe, expect, test } from "vitest";
import { environmentOf } from "../packages/agent/src/exec/environment.ts";

/** docs/reference/workflow.md says of every key what core's schema says, and of every variable what the agent sets. */
const page = readFileSync(join(fileURLToPath(new URL("..", import.meta.url)), "docs/reference/workflow.md"), "utf8");

interface Row {
  readonly key: string;
  readonly required: boolean;
  readonly fallback: string;
  readonly means: string;
  readonly example: string;
}

/** The table of keys beneath a heading. */
function rowsOf(heading: string): Row[] {
  const [, section = ""] = page.split(new RegExp(`^## ${heading}$`, "m"));
  const table = section.split(/^## /m)[0]!;
  return [...table.matchAll(/^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \| `([^|]+)` \|$/gm)].map(
    ([, key, , fallback, means, example]) => ({
      key: key!,
      required: fallback === "required",
      fallback: fallback!.replaceAll("`", ""),
      means: means!,
      example: example!,
    }),
  );
}

interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly [keyword: string]: unknown;
}

const workflow = workflowJsonSchema() as Schema;
const [stage, gate] = Object.values(workflow.properties!.stages!.patternProperties!)[0]!.anyOf!;
const command = stage!.properties!.exec!.items!.anyOf!.find(({ type }) => type === "object");

/** A mapping with an example in the place of its key, and what else it must have. */
function filled(line: string, ...rest: readonly string[]): string {
  const keyOf = (text: string): string => text.slice(0, text.indexOf(":"));
  return `{ ${[line, ...rest.filter((other) => keyOf(other) !== keyOf(line))].join(", ")} }`;
}
const withStage = (it: string): string => `{ name: x, stages: { build: { exec: [[a]] }, it: ${it} } }`;
const withCommand = (command: string): string => withStage(filled(`exec: [${command}]`));

/** A whole file around an example, by its heading. */
const completed: Readonly<Record<string, (line: string) => string>> = {
  "The workflow": (line) => filled(line, "name: x", "stages: { it: { exec: [[a]] } }"),
  intent: (line) => `{ name: x, intent: ${filled(line)}, stages: { it: { exec: [[a]] } } }`,
  "A stage with commands": (line) => withStage(filled(line, "exec: [[a]]")),
  retry: (line) => withStage(filled(`retry: ${filled(line)}`, "exec: [[a]]")),
  stop: (line) => withStage(filled(`stop: ${filled(line)}`, "exec: [[a]]")),
  limits: (line) => withStage(filled(`limits: ${filled(line)}`, "exec: [[a]]")),
  "A command": (line) => withCommand(filled(line, "argv: [a]")),
  "A gate": (line) => withStage(filled(line, "kind: gate", "message: q")),
};

const sections: readonly (readonly [string, Schema | undefined])[] = [
  ["The workflow", workflow],
  ["intent", workflow.properties!.intent],
  ["A stage with commands", stage],
  ["retry", stage!.properties!.retry],
  ["stop", stage!.properties!.stop],
  ["limits", stage!.properties!.limits],
  ["A command", command],
  ["A gate", gate],
];

describe.each(sections)("%s", (heading, schema) => {
  const rows = rowsOf(heading);

  test("every key is documented, and every documented key exists", () => {
    expect(rows.map(({ key }) => key).sort()).toEqual(Object.keys(schema!.properties!).sort());
  });

  test("what is required, and every default, is as the schema says", () => {
    for (const { key, required, fallback } of rows) {
      expect(required, key).toBe(schema!.required?.includes(key) ?? false);
      const of_schema = schema!.properties![key]!.default;
      if (of_schema !== undefined)
        expect(fallback, key).toBe(typeof of_schema === "string" ? of_schema : JSON.stringify(of_schema));
    }
  });

  test("every limit is named", () => {
    for (const { key, means } of rows) {
      const limits = Object.entries(schema!.properties![key]!).filter(([name]) =>
        /^max(Length|Items|imum|Properties)$/.test(name),
      );
      for (const [, limit] of limits) expect(means.replaceAll(",", ""), key).toContain(String(limit));
    }
  });

  test("every example is a part of a valid file", () => {
    for (const { key, example } of rows) {
      expect(example).toMatch(new RegExp(`^${key}: `));
      const parsed = parseWorkflowText(completed[heading]!(example));
      expect(parsed.ok ? [] : parsed.error, example).toEqual([]);
    }
  });
});

test("every YAML block is a valid file", () => {
  const blocks = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text!);
  expect(blocks.length).toBeGreaterThan(2);
  for (const block of blocks) {
    const parsed = parseWorkflowText(block);
    expect(parsed.ok ? [] : parsed.error, block).toEqual([]);
  }
});

test("the table of the environment names every variable that a command gets, and no other", () => {
  const everything = new Proxy<Record<string, string>>({}, { get: () => "set" });
  const grant = { run_id: "run", stage_id: "stage", exec_id: "exec" };
  const names = Object.keys(environmentOf(everything, {}, grant, { workspace: "/w", output: "/o", requires: "/r" }));
  const documented = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name!);
  expect(documented.sort()).toEqual(names.sort());
});
