/** Exit codes of every command of the three programs. The one table; docs/reference/exit-codes.md is tested against it. */
export const exitCodes = {
  ok: { code: 0, meaning: "it worked" },
  run_failed: { code: 1, meaning: "the run failed or was cancelled" },
  usage: { code: 2, meaning: "the command line is wrong" },
  invalid: { code: 3, meaning: "the workflow is invalid, or policy denies it" },
  needs_human: { code: 4, meaning: "the run waits for a person" },
  not_found: { code: 5, meaning: "no such run, stage, exec or file" },
  conflict: { code: 6, meaning: "the request conflicts with the state, or is stale" },
  no_daemon: { code: 7, meaning: "no daemon at the address given" },
  incomplete: { code: 8, meaning: "verify: a bundle is incomplete" },
  tampered: { code: 9, meaning: "verify: a bundle was tampered with" },
  store_unusable: { code: 75, meaning: "the store is unusable or its answer is unknown: restart" },
  interrupted: { code: 130, meaning: "interrupted" },
} as const satisfies Record<string, { code: number; meaning: string }>;

export type ExitName = keyof typeof exitCodes;
export const exitCode = (name: ExitName): number => exitCodes[name].code;
