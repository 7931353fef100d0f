import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { exitCodes, problemCodes, routes } from "orchestrator-core";
import { describe, expect, test } from "vitest";

/** What a linter cannot see. */
const root = join(import.meta.dirname, "..");
const packages = ["core", "daemon", "agent", "cli", "sim"] as const;

const sources = packages.flatMap((name) =>
  filesBeneath(join("packages", name, "src")).map((path) => ({
    name,
    path,
    text: readFileSync(join(root, path), "utf8"),
  })),
);

function filesBeneath(directory: string): string[] {
  return readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(directory, join(entry.parentPath, entry.name).slice(join(root, directory).length + 1)));
}

const importsOf = (text: string): string[] =>
  [...text.matchAll(/(?:from|import\(|require\()\s*["']([^"']+)["']/g)].map((match) => match[1]!);

describe("the shape of the house", () => {
  test("edges import core, never each other; the command alone puts them together", () => {
    const allowed: Record<string, readonly string[]> = {
      core: [],
      daemon: ["orchestrator-core"],
      agent: ["orchestrator-core"],
      cli: ["orchestrator-core", "orchestrator-daemon", "orchestrator-agent"],
      sim: ["orchestrator-core", "orchestrator-daemon", "orchestrator-agent"],
    };
    const wrong = sources.flatMap(({ name, path, text }) =>
      importsOf(text)
        .filter((from) => from.startsWith("orchestrator-"))
        .filter((from) => !allowed[name]!.includes(from.split("/")[0]!))
        .map((from) => `${path} imports ${from}`),
    );
    expect(wrong).toEqual([]);
  });

  test("core touches neither Node nor a clock nor randomness", () => {
    const impure = /from "node:|\bDate\.now\(|Math\.random\(|new Date\(\)|\bprocess\.|\bsetTimeout\(|performance\./;
    expect(sources.filter(({ name, text }) => name === "core" && impure.test(text)).map(({ path }) => path)).toEqual(
      [],
    );
  });

  const entriesOf = (name: string): string[] => {
    const { exports } = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")) as {
      exports: Record<string, { source: string } | string>;
    };
    // started as processes or as hooks of Node's loader, by their names
    const started = name === "sim" ? ["worker", "mutants/main", "mutants/worker", "mutants/hooks"] : [];
    const files = ["main", ...started].map((file) => `src/${file}.ts`);
    // those that are a mere path are packed from the others
    const sourced = Object.values(exports).flatMap((entry) => (typeof entry === "string" ? [] : [entry.source]));
    return [...files, ...sourced].map((file) => join("packages", name, file));
  };

  test("every source file is reached from an entry of its package", () => {
    for (const name of packages) {
      const own = sources.filter((source) => source.name === name);
      const reached = new Set<string>();
      const visit = (path: string): void => {
        const source = own.find((candidate) => candidate.path === path);
        if (source === undefined || reached.has(path)) return;
        reached.add(path);
        for (const from of importsOf(source.text))
          if (from.startsWith(".")) visit(normalize(join(dirname(path), from)));
      };
      for (const path of entriesOf(name)) visit(path);
      expect(own.map(({ path }) => path).filter((path) => !reached.has(path))).toEqual([]);
    }
  });

  test("a program loads one of each package: what is packed imports what is packed", () => {
    for (const name of ["core", "agent", "daemon", "cli"]) {
      const packed = join(root, "packages", name, "dist", "packed");
      const imports = readdirSync(packed).flatMap((file) => importsOf(readFileSync(join(packed, file), "utf8")));
      const ours = imports.filter((from) => from.startsWith("orchestrator-"));
      if (name !== "core") expect(ours.length).toBeGreaterThan(0);
      expect(ours.filter((from) => !/^orchestrator-(core|agent|daemon)\/packed(\/|$)/.test(from))).toEqual([]);
    }
  });

  test("nothing escapes from the type checker", () => {
    const escape = /: any\b|as any\b|@ts-ignore|@ts-expect-error/;
    expect(sources.filter(({ text }) => escape.test(text)).map(({ path }) => path)).toEqual([]);
  });
});

describe("documents", () => {
  test("every problem code is documented, and every documented code exists", () => {
    const text = readFileSync(join(root, "docs/reference/problems.md"), "utf8");
    const documented = [...text.matchAll(/^\| `([a-z-]+)` \| (\d+) \|/gm)].map(
      ([, code, status]) => `${code} ${status}`,
    );
    const known = Object.entries(problemCodes).map(([code, { status }]) => `${code} ${status}`);
    expect(documented.sort()).toEqual(known.sort());
  });

  test("the table of exit codes is the one in core", () => {
    const text = readFileSync(join(root, "docs/reference/exit-codes.md"), "utf8");
    const documented = [...text.matchAll(/^\| (\d+) \| `(\w+)` \| (.+) \|$/gm)].map(([, code, name, meaning]) => [
      name,
      { code: Number(code), meaning },
    ]);
    expect(Object.fromEntries(documented)).toEqual(exitCodes);
  });

  test("every route is documented", () => {
    const text = readFileSync(join(root, "docs/reference/api.md"), "utf8");
    const documented = [...text.matchAll(/^\| `(GET|POST) ([^`]+)` \|/gm)].map(
      ([, method, path]) => `${method} ${path}`,
    );
    const known = Object.values(routes).map(({ method, path }) => `${method} ${path}`);
    expect(documented.sort()).toEqual(known.sort());
  });
});
