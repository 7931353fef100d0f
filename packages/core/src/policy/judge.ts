import type { Role } from "../api/roles.ts";
import { pathBeneath } from "../path.ts";
import { pointerTo } from "../pointer.ts";
import type { ProblemCode } from "../problem.ts";
import { flowList, quote } from "../quote.ts";
import type { CommandSpec, ExecBlock, WorkflowSpec } from "../workflow/spec.ts";
import { refuseVariable } from "./environment.ts";
import { readAwk } from "./languages/awk.ts";
import { readSed } from "./languages/sed.ts";
import { type AllowRule, builtInPolicy, exceptionFor, fits, NESTING_MAX, type Policy } from "./policy.ts";
import { lookUp } from "./program.ts";
import { type Found, read, type Started, type Token } from "./read.ts";
import { type Finding, shellAnswers, strictest, type Verdict } from "./verdict.ts";

/**
 * The spec verdict: what policy says of commands as they are written, by names and letters alone. Pure and the same
 * everywhere, so daemon and agent reach it separately and compare.
 *
 * 1. What reaches a shell is refused: a program that is one, code in an argument, an option or a variable that makes an
 *    ordinary program start something. A command that says `allow_shell` asks for all of these.
 * 2. A program that starts another is judged by what it starts, however deep. Wrapping never makes a refused command
 *    allowed: what cannot be read for certain is refused, and `allow_shell` does not help there.
 * 3. Programs, and files whose text is carried out, lie beneath the workspace or where programs are installed.
 */
/** What commands are judged under: a policy, and the time, since exceptions end. Wall-clock milliseconds. */
export interface Under {
  readonly policy: Policy;
  readonly now: number;
}
const BUILT_IN: Under = { policy: builtInPolicy, now: 0 };

/** The place of a stage's commands in the workflow: what `judgeExec` wants for findings that lead back to the file. */
export const execPlace = (stage_id: string): string => `${pointerTo("/stages", stage_id)}/exec`;

/** `place` is the JSON Pointer of the command; findings lie at `…/argv/N`. */
export function judgeCommand(command: CommandSpec, role: Role, place: string, under: Under = BUILT_IN): Verdict {
  const findings: Finding[] = [];
  const argv = command.argv.map((text, at) => ({ text, at }));
  const start: Start = { cwd: command.cwd, replaces: [], appends: false, perhaps: false, through: [] };
  const asked: Asked = {
    command,
    role,
    place,
    policy: under.policy,
    report: (finding) => findings.push(finding),
    found: new Map(),
    tried: new Set(),
  };
  judgeStart(argv, start, asked);
  for (const [name, value] of Object.entries(command.env)) variable(asked, name, value, `env/${name}`);
  for (const [name, named] of Object.entries(command.secrets)) secret(asked, name, named);
  const verdict = strictest(findings);
  const exception = verdict.verdict === "allow" ? undefined : exceptionFor(under.policy, command, under.now);
  return exception === undefined ? verdict : except(verdict, exception);
}

/** What the tables say becomes a record; what a policy file denies or asks stays. */
function except({ findings }: Verdict, exception: AllowRule): Verdict {
  const { by, expires, why, program } = exception;
  const excepted = findings.map((one): Finding => {
    if (one.rule === "policy" || one.verdict === "allow") return one;
    const message = `${one.problem.message}; policy.yaml lets it (${by}, until ${expires}: ${why})`;
    return { ...one, verdict: "allow", problem: { ...one.problem, message } };
  });
  return { ...strictest(excepted), program };
}

/** One verdict for each command, in order. `place` is the JSON Pointer of the list of commands. */
export const judgeExec = (exec: ExecBlock, role: Role, place: string, under: Under = BUILT_IN): readonly Verdict[] =>
  exec.commands.map((command, i) => judgeCommand(command, role, `${place}/${i}`, under));

export interface WorkflowVerdict {
  readonly verdict: Verdict["verdict"];
  /** Of each stage that has commands, one verdict for each of them. */
  readonly stages: ReadonlyMap<string, readonly Verdict[]>;
}

export function judgeWorkflow(workflow: WorkflowSpec, role: Role, under: Under = BUILT_IN): WorkflowVerdict {
  const stages = new Map<string, readonly Verdict[]>();
  const findings: Finding[] = [];
  for (const [stage_id, stage] of Object.entries(workflow.stages)) {
    if (stage.kind !== "exec") continue;
    const verdicts = judgeExec(stage.exec, role, execPlace(stage_id), under);
    stages.set(stage_id, verdicts);
    for (const verdict of verdicts) findings.push(...verdict.findings);
  }
  return { verdict: strictest(findings).verdict, stages };
}

/** One link of the chain: a program about to be started by the agent or by another program. */
interface Start {
  readonly cwd: string;
  /** Texts that a launcher further out replaces by its input. */
  readonly replaces: readonly string[];
  /** A launcher further out appends its input. */
  readonly appends: boolean;
  /** It may be no program at all, but an argument of an option that policy does not know. */
  readonly perhaps: boolean;
  readonly through: readonly string[];
}

interface Asked {
  readonly command: CommandSpec;
  readonly role: Role;
  readonly place: string;
  readonly policy: Policy;
  readonly report: (finding: Finding) => void;
  /** How many findings there are of each rule. */
  readonly found: Map<string, number>;
  /** Arguments that were judged as a program although they may be none: once is enough. */
  readonly tried: Set<Token>;
}

function judgeStart(argv: readonly Token[], start: Start, asked: Asked): void {
  const [program, ...rest] = argv;
  if (program === undefined) return;
  if (start.perhaps) {
    if (asked.tried.has(program) || (rest.length === 0 && !/\w/.test(program.text))) return;
    asked.tried.add(program);
  }
  const { text, at } = program;
  if (!start.perhaps) restrict(argv, start, asked);
  if (start.replaces.some((replaced) => text.includes(replaced))) {
    return hidden(asked, start, at, "input is put in the place of the program");
  }
  if (!start.perhaps) judgePath(program, start, asked);
  const known = lookUp(text);
  if (known.is === "shell") return shell(asked, start, at, known.row.does);
  // `sh -c ls` as one word is no program, and whoever splits it would start a shell
  if (/\s/.test(text) && !start.perhaps) {
    const [first] = text.trim().split(/\s+/, 1);
    if (lookUp(first ?? "").is === "shell") return shell(asked, start, at);
  }
  if (known.is === "other") return;

  const through = [...start.through, text];
  if (through.length > NESTING_MAX) {
    return hidden(asked, start, at, `more than ${NESTING_MAX} programs start one another`);
  }
  const inside = { ...start, through };
  const { found, awaits } = read(known.row, rest, at);
  for (const one of found) judgeFound(one, program, inside, asked);
  if (awaits && start.appends && found.length === 0) {
    hidden(asked, inside, at, "input is appended in the place of the program");
  }
}

function judgeFound(found: Found, program: Token, start: Start, asked: Asked): void {
  const name = quote(program.text);
  switch (found.is) {
    case "shell":
      return shell(asked, start, found.at);
    case "code":
      return code(asked, start, found.at);
    case "exec":
      return exec(asked, start, found.at);
    case "unreadable":
      return hidden(asked, start, found.at, `${name} is given ${found.why}`);
    case "assignment": {
      const { text, at } = found.token;
      const equals = text.indexOf("=");
      return variable(asked, text.slice(0, equals), text.slice(equals + 1), `argv/${at}`);
    }
    case "text": {
      const text = found.tokens.map((token) => token.text).join("\n");
      const read = found.language === "awk" ? readAwk : readSed;
      const why = text.length > TEXT_CHARS_MAX ? "more text than policy reads" : read(text, start.cwd);
      if (why !== null) code(asked, start, found.tokens[0]!.at, ` with ${why}`);
      return;
    }
    case "script":
      if (isInput(found.token.text)) code(asked, start, found.token.at);
      else if (!found.token.text.startsWith("/")) {
        outsideUnless(asked, found.token, start, `the script ${quote(found.token.text)} of ${name}`);
      }
      return;
    case "file":
      if (isInput(found.token.text)) code(asked, start, found.token.at);
      else if (!INSTALLED.test(found.token.text)) {
        outsideUnless(asked, found.token, start, `the file ${quote(found.token.text)} that ${name} carries out`);
      }
      return;
    case "directory":
      if (INSTALLED.test(found.token.text)) return;
      return outsideUnless(asked, found.token, start, `${quote(found.token.text)}, where ${name} is to work,`);
    case "program":
      return judgeStarted(found.started, program, start, asked);
  }
}

function judgeStarted(started: Started, program: Token, start: Start, asked: Asked): void {
  const name = quote(program.text);
  if (start.replaces.some((replaced) => started.own.some((token) => token.text.includes(replaced)))) {
    return hidden(asked, start, program.at, `input is put among the options of ${name}`);
  }
  let cwd: string | null = start.cwd;
  for (const directory of started.cwds) {
    cwd = cwd === null ? null : pathBeneath(cwd, directory.text);
    if (cwd === null) {
      const message = `${name} changes into ${quote(directory.text)}, outside of the workspace`;
      outside(asked, directory.at, message, "use the command's `cwd`, beneath the workspace");
    }
  }
  judgeStart(
    started.argv,
    {
      cwd: cwd ?? start.cwd,
      replaces: started.replaces === null ? start.replaces : [...start.replaces, started.replaces],
      appends: start.appends || started.appends,
      perhaps: start.perhaps || started.perhaps,
      through: start.through,
    },
    asked,
  );
}

/** Of a text in awk or sed. Longer ones belong into a file. */
const TEXT_CHARS_MAX = 32 * 1024;

/** What a program's input is called, and texts that are code themselves. */
const isInput = (text: string): boolean =>
  text === "-" ||
  /^\/(?:dev|proc)\//.test(text.replace(/\/+(?:\.\/+)*/g, "/")) ||
  /^(?:data|https?|ftp|blob):/i.test(text);
/** Where programs are installed: what lies there is none of the workspace's, and none of the author's. */
const INSTALLED = /^\/(?:usr|opt|etc|bin|sbin|lib|lib64|nix|snap)\/(?!(?:.*\/)?\.\.(?:\/|$))/;

function judgePath({ text, at }: Token, { cwd }: Start, asked: Asked): void {
  if (text.startsWith("/")) {
    const plain = text.replace(/\/+(?:\.\/+)*/g, "/");
    if (/^\/(?:proc|dev)(?:\/|$)/.test(plain)) {
      const message = `the program ${quote(text)} is a way round: what lies in /proc and /dev is decided when it starts`;
      outside(asked, at, message, "name the program by its own path, or by its name");
    } else if (plain.endsWith("/")) {
      outside(asked, at, `the program ${quote(text)} is a directory`, "name the program itself");
    }
  } else if (text.includes("/") && pathBeneath(cwd, text) === null) {
    const hint = "name a program beneath the workspace, one of the PATH, or an absolute path";
    outside(asked, at, `the program ${quote(text)} lies outside of the workspace`, hint);
  }
}

function outsideUnless(asked: Asked, { text, at }: Token, { cwd }: Start, what: string): void {
  if (pathBeneath(cwd, text) !== null) return;
  outside(
    asked,
    at,
    `${what} lies outside of the workspace`,
    "keep it in the workspace and name it by a relative path",
  );
}

/** More findings of one rule say nothing new: the first ones decide the verdict as well. */
const FINDINGS_MAX = 32;
const isTold = (asked: Asked, rule: string): boolean => (asked.found.get(rule) ?? 0) >= FINDINGS_MAX;

function finding(
  asked: Asked,
  rule: string,
  verdict: Finding["verdict"],
  code: ProblemCode,
  place: string,
  message: string,
  hint: string,
): void {
  asked.found.set(rule, (asked.found.get(rule) ?? 0) + 1);
  asked.report({ rule, verdict, problem: { code, message, place: { path: `${asked.place}/${place}` }, hint } });
}

/** A finding that `allow_shell` asks to be let through. */
function release(asked: Asked, rule: string, code: ProblemCode, place: string, what: string, instead: string): void {
  const { allow_shell, argv } = asked.command;
  if (!allow_shell) {
    const hint = `set \`allow_shell: true\` on this command, as in { argv: ${flowList(argv)}, allow_shell: true }, or ${instead}`;
    return finding(asked, rule, "deny", code, place, what, hint);
  }
  const answer = shellAnswers[asked.role];
  const verdict = answer === "allow" ? asked.policy.allow_shell : answer;
  const who = answer === "allow" ? "by a policy file operators too" : `${asked.role}s`;
  const said = {
    allow: [`${what}; \`allow_shell\` says so`, "nothing is to be done: this is for the record"],
    ask: [
      `${what}; a person has to allow it, since ${who} may only ask for a shell`,
      "an operator approves or rejects the stage",
    ],
    deny: [`${what}, which no ${asked.role} may`, "start the program itself"],
  } as const;
  finding(asked, rule, verdict, code, place, said[verdict][0], said[verdict][1]);
}

/** What policy files say of a program with its arguments, whoever starts it. */
function restrict(argv: readonly Token[], start: Start, asked: Asked): void {
  const words = argv.map((token) => token.text);
  for (const rule of asked.policy.restrict) {
    if (isTold(asked, "policy")) return;
    if (!fits(rule, words)) continue;
    const denies = rule.verdict === "deny";
    const says = denies ? "denies" : "asks a person about";
    const message = `policy ${says} this command: ${rule.why}${throughText(start, null)}`;
    const hint = denies
      ? "leave it out, or ask whoever keeps the policy file"
      : "an operator approves or rejects the stage";
    const code = denies ? "policy-denied" : "policy-asked";
    finding(asked, "policy", rule.verdict, code, `argv/${argv[0]!.at}`, message, hint);
  }
}

function shell(asked: Asked, start: Start, at: number, does = "starts a shell"): void {
  if (isTold(asked, "shell")) return;
  const word = asked.command.argv[at];
  const what = `the command ${does}: ${quote(word ?? "")}${throughText(start, word)}`;
  release(asked, "shell", "shell-denied", `argv/${at}`, what, "start the program itself");
}

function code(asked: Asked, start: Start, at: number, more = ""): void {
  if (isTold(asked, "inline-code")) return;
  const word = asked.command.argv[at];
  const what = `the command carries code: ${quote(word ?? "")}${more}${throughText(start, word)}`;
  const instead = "put the code into a file of the workspace and name that";
  release(asked, "inline-code", "inline-code-denied", `argv/${at}`, what, instead);
}

function exec(asked: Asked, start: Start, at: number): void {
  if (isTold(asked, "exec-option")) return;
  const word = asked.command.argv[at];
  const what = `the command has ${quote(start.through.at(-1) ?? "")} start or load something: ${quote(word ?? "")}`;
  release(asked, "exec-option", "exec-option-denied", `argv/${at}`, what, "leave it out");
}

function variable(asked: Asked, name: string, value: string, place: string): void {
  if (isTold(asked, "env")) return;
  const why = refuseVariable(name, value);
  if (why === null) return;
  const what = `the variable ${quote(name)} ${why}`;
  release(asked, "env", "env-denied", place, what, "leave it out");
}

/** Whoever may only propose may not take a secret: what the command does with it a person has to see. */
function secret(asked: Asked, name: string, named: string): void {
  const place = `env/${name}`;
  // whatever its value is, policy does not know it
  variable(asked, name, "\0", place);
  if (asked.role === "operator" || asked.role === "admin" || isTold(asked, "secret")) return;
  const message = `the command is given the secret ${quote(named)} as ${quote(name)}`;
  const hint = "an operator approves or rejects the stage";
  finding(asked, "secret", shellAnswers[asked.role], "secret-asked", place, message, hint);
}

function hidden(asked: Asked, start: Start, at: number, why: string): void {
  if (isTold(asked, "launcher")) return;
  const message = `it cannot be said what the command starts: ${why}${throughText(start, null)}`;
  const hint =
    "start the program itself, or use only options of its launcher that policy knows (`orchestrator policy explain` shows the verdict)";
  finding(asked, "launcher", "deny", "launcher-unknown-option", `argv/${at}`, message, hint);
}

function outside(asked: Asked, at: number, message: string, hint: string): void {
  if (!isTold(asked, "path")) finding(asked, "path", "deny", "path-outside", `argv/${at}`, message, hint);
}

/** Without the last link where that is what the message names already. */
function throughText({ through }: Start, named: string | null | undefined): string {
  const links = through.at(-1) === named ? through.slice(0, -1) : through;
  return links.length === 0 ? "" : ` (through ${links.map(quote).join(", ")})`;
}
