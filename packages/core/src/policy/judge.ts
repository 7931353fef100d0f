import type { Role } from "../api/roles.ts";
import { digestOf } from "../canonical.ts";
import { pathBeneath } from "../path.ts";
import { pointerTo } from "../pointer.ts";
import type { ProblemCode } from "../problem.ts";
import { flowList, quote } from "../quote.ts";
import type { CommandSpec, ExecBlock, WorkflowSpec } from "../workflow/spec.ts";
import { type Token, readLauncher } from "./grammar.ts";
import { launchers } from "./launchers.ts";
import { lookUp } from "./program.ts";
import type { Examples } from "./row.ts";
import { shells } from "./shells.ts";
import { type Finding, type Verdict, strictest } from "./verdict.ts";

/**
 * The spec verdict: what policy says of commands as they are written, by names and letters alone. Pure and the same
 * everywhere, so daemon and agent reach it separately and compare.
 *
 * 1. A program that is a shell is refused, unless the command asks for it with `allow_shell`.
 * 2. A program that starts another is judged by what it starts, however deep. Wrapping never makes a refused command
 *    allowed: what cannot be read for certain is refused.
 * 3. A program given by a relative path lies beneath the workspace.
 */
const POLICY_VERSION = 1;
const NESTING_MAX = 16;

/** Who may have a shell by asking for it. */
const shellAnswers: Readonly<Record<Role, Verdict["verdict"]>> = {
  operator: "allow",
  admin: "allow",
  proposer: "ask",
  // they submit nothing
  viewer: "deny",
  approver: "deny",
  agent: "deny",
};

const withoutExamples = ({ match: _match, not_match: _notMatch, ...row }: Examples): object => row;

/** Changes with every table and, through the version, with every change of the engine that could change a verdict. */
export const policyDigest: string = digestOf({
  version: POLICY_VERSION,
  nesting_max: NESTING_MAX,
  shell_answers: shellAnswers,
  shells: shells.map(withoutExamples),
  launchers: launchers.map(withoutExamples),
});

/** The place of a stage's commands in the workflow: what `judgeExec` wants for findings that lead back to the file. */
export const execPlace = (stage_id: string): string => `${pointerTo("/stages", stage_id)}/exec`;

/** `place` is the JSON Pointer of the command; findings lie at `…/argv/N`. */
export function judgeCommand(command: CommandSpec, role: Role, place: string): Verdict {
  const findings: Finding[] = [];
  const argv = command.argv.map((text, at) => ({ text, at }));
  const start: Start = { cwd: command.cwd, replaces: [], appends: false, through: [] };
  judgeStart(argv, start, { command, role, place, report: (finding) => findings.push(finding) });
  return strictest(findings);
}

/** One verdict for each command, in order. `place` is the JSON Pointer of the list of commands. */
export const judgeExec = (exec: ExecBlock, role: Role, place: string): readonly Verdict[] =>
  exec.commands.map((command, i) => judgeCommand(command, role, `${place}/${i}`));

export interface WorkflowVerdict {
  readonly verdict: Verdict["verdict"];
  /** Of each stage that has commands, one verdict for each of them. */
  readonly stages: ReadonlyMap<string, readonly Verdict[]>;
}

export function judgeWorkflow(workflow: WorkflowSpec, role: Role): WorkflowVerdict {
  const stages = new Map<string, readonly Verdict[]>();
  const findings: Finding[] = [];
  for (const [stage_id, stage] of Object.entries(workflow.stages)) {
    if (stage.kind !== "exec") continue;
    const verdicts = judgeExec(stage.exec, role, execPlace(stage_id));
    stages.set(stage_id, verdicts);
    for (const verdict of verdicts) findings.push(...verdict.findings);
  }
  return { verdict: strictest(findings).verdict, stages };
}

/** One link of the chain: a program about to be started by the agent or by a launcher. */
interface Start {
  readonly cwd: string;
  /** Texts that a launcher further out replaces by its input. */
  readonly replaces: readonly string[];
  /** A launcher further out appends its input. */
  readonly appends: boolean;
  readonly through: readonly string[];
}

interface Asked {
  readonly command: CommandSpec;
  readonly role: Role;
  readonly place: string;
  readonly report: (finding: Finding) => void;
}

function judgeStart(argv: readonly Token[], start: Start, asked: Asked): void {
  const [program, ...rest] = argv;
  if (program === undefined) return;
  const { text, at } = program;
  if (start.replaces.some((replaced) => text.includes(replaced))) {
    return hidden(asked, start, at, "input is put in the place of the program");
  }
  if (text.includes("/") && !text.startsWith("/") && pathBeneath(start.cwd, text) === null) {
    outside(
      asked,
      at,
      `the program ${quote(text)} lies outside of the workspace`,
      "name a program beneath the workspace, one of the PATH, or an absolute path",
    );
  }
  const known = lookUp(text);
  if (known.is === "shell") return shell(asked, start, at);
  if (known.is === "other") return;

  const through = [...start.through, text];
  if (through.length > NESTING_MAX) {
    return hidden(asked, start, at, `more than ${NESTING_MAX} programs start one another`);
  }
  const reading = readLauncher(known.row, rest, at);
  switch (reading.starts) {
    case "nothing":
      if (start.appends) hidden(asked, { ...start, through }, at, "input is appended in the place of the program");
      return;
    case "shell":
      return shell(asked, { ...start, through }, reading.at);
    case "unreadable":
      return hidden(asked, { ...start, through }, reading.at, `${quote(text)} is given ${reading.why}`);
    case "program": {
      const own = rest.slice(0, rest.length - reading.argv.length);
      if (start.replaces.some((replaced) => own.some((token) => token.text.includes(replaced)))) {
        return hidden(asked, { ...start, through }, at, `input is put among the options of ${quote(text)}`);
      }
      let cwd: string | null = start.cwd;
      for (const directory of reading.cwds) {
        cwd = cwd === null ? null : pathBeneath(cwd, directory.text);
        if (cwd === null)
          outside(
            asked,
            directory.at,
            `${quote(text)} changes into ${quote(directory.text)}, outside of the workspace`,
            "use the command's `cwd`, beneath the workspace",
          );
      }
      const replaces = reading.replaces === null ? start.replaces : [...start.replaces, reading.replaces];
      const appends = start.appends || known.row.appends === true;
      return judgeStart(reading.argv, { cwd: cwd ?? start.cwd, replaces, appends, through }, asked);
    }
  }
}

function finding(
  asked: Asked,
  rule: string,
  verdict: Finding["verdict"],
  code: ProblemCode,
  at: number,
  message: string,
  hint: string,
): void {
  asked.report({ rule, verdict, problem: { code, message, place: { path: `${asked.place}/argv/${at}` }, hint } });
}

function shell(asked: Asked, start: Start, at: number): void {
  const { argv, allow_shell } = asked.command;
  const starts = `the command starts a shell: ${quote(argv[at] ?? "")}${throughText(start, argv[at])}`;
  if (!allow_shell) {
    const hint = `set \`allow_shell: true\` on this command, as in { argv: ${flowList(argv)}, allow_shell: true }, or start the program itself`;
    return finding(asked, "shell", "deny", "shell-denied", at, starts, hint);
  }
  const verdict = shellAnswers[asked.role];
  const said = {
    allow: [`${starts}; \`allow_shell\` says so`, "nothing is to be done: this is for the record"],
    ask: [
      `${starts}; a person has to allow it, since ${asked.role}s may only ask for a shell`,
      "an operator approves or rejects the stage",
    ],
    deny: [`${starts}, which no ${asked.role} may`, "submit it as an operator or a proposer"],
  } as const;
  finding(asked, "shell", verdict, "shell-denied", at, said[verdict][0], said[verdict][1]);
}

function hidden(asked: Asked, start: Start, at: number, why: string): void {
  const message = `it cannot be said what the command starts: ${why}${throughText(start, null)}`;
  const hint =
    "start the program itself, or use only options of its launcher that policy knows (`orchestrator plan` shows the verdict)";
  finding(asked, "launcher", "deny", "launcher-unknown-option", at, message, hint);
}

const outside = (asked: Asked, at: number, message: string, hint: string): void =>
  finding(asked, "path", "deny", "path-outside", at, message, hint);

/** Without the last link where that is what the message names already. */
function throughText({ through }: Start, named: string | null | undefined): string {
  const links = through.at(-1) === named ? through.slice(0, -1) : through;
  return links.length === 0 ? "" : ` (through ${links.map(quote).join(", ")})`;
}
