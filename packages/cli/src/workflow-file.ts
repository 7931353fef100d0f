import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  judgeWorkflow,
  type ParsedWorkflow,
  parseWorkflowText,
  type Policy,
  type Problem,
  ProblemError,
  suggest,
} from "orchestrator-core";
import { readMachinePolicy } from "orchestrator-daemon/state";
import type { Context } from "./context.ts";
import { CommandError } from "./errors.ts";

/** A workflow file that parses, with what policy says of it. */
export interface JudgedFile extends ParsedWorkflow {
  readonly policy: Policy;
  readonly judged: ReturnType<typeof judgeWorkflow>;
}

/** What commands in this workspace are judged by, as far as this machine knows: a daemon elsewhere has its own files. */
export const policyHere = (context: Context, workspace: string = context.cwd): Policy =>
  readMachinePolicy(context.state).of(workspace);

/** Reads a workflow file and throws every problem at once: its own, or else what policy denies an operator. */
export function readWorkflow(context: Context, file: string, workspace?: string): JudgedFile {
  const read = judgeFile(context, file, workspace);
  const [first, ...more] = deniedBy(read);
  if (first !== undefined) throw new ProblemError(first, ...more);
  return read;
}

/** The same without looking whether policy denies it. */
export function judgeFile(context: Context, file: string, workspace?: string): JudgedFile {
  const parsed = parseWorkflowText(readText(context, file));
  if (!parsed.ok) throw new ProblemError(...parsed.error);
  const policy = policyHere(context, workspace);
  const judged = judgeWorkflow(parsed.value.workflow, "operator", { policy, now: Date.now() });
  return { ...parsed.value, policy, judged };
}

/** What policy denies, each with its place in the file. */
export const deniedBy = ({ judged, locate }: JudgedFile): Problem[] =>
  [...judged.stages.values()].flatMap((verdicts) =>
    verdicts
      .flatMap(({ findings }) => findings)
      .filter(({ verdict }) => verdict === "deny")
      .map(({ problem }) =>
        problem.place === undefined ? problem : { ...problem, place: locate(problem.place.path) },
      ),
  );

function readText(context: Context, file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : resolve(context.cwd, file), "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new CommandError("not_found", `there is no file ${file}`, nearFile(context, file));
    if (code === "EISDIR")
      throw new CommandError("not_found", `${file} is a directory, not a workflow file`, filesIn(context, file));
    throw new CommandError("not_found", `${file} cannot be read: ${(error as Error).message}`);
  }
}

/** What the person may have meant: a file of nearly this name, or nearly this directory. */
function nearFile(context: Context, file: string): string | null {
  const words = file.split("/");
  const found: string[] = [];
  for (const word of words) {
    const names = namesIn(resolve(context.cwd, found.join("/") || (file.startsWith("/") ? "/" : ".")));
    const name = word === "" || word === "." || word === ".." || names.includes(word) ? word : suggest(word, names);
    if (name === null) return null;
    found.push(name);
  }
  return `did you mean ${found.join("/")}?`;
}

const FILES_SHOWN_MAX = 5;

function filesIn(context: Context, directory: string): string | null {
  const files = namesIn(resolve(context.cwd, directory)).filter((name) => /\.(ya?ml|json)$/.test(name));
  if (files.length === 0) return null;
  const shown = files.slice(0, FILES_SHOWN_MAX).map((name) => join(directory, name));
  return `it holds ${shown.join(", ")}${files.length > FILES_SHOWN_MAX ? " …" : ""}`;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}
