/**
 * The shape of policy's tables. Rows are data: they go into the policy digest, and a test runs the examples that each
 * carries. `match` are commands that must be refused, `not_match` near misses that must not.
 */
export interface Examples {
  readonly match: readonly (readonly string[])[];
  readonly not_match: readonly (readonly string[])[];
}

/** Programs that carry out a text that they are given. */
export interface ShellRow extends Examples {
  readonly names: readonly string[];
}

/**
 * What an option of a launcher means for what is started:
 * `flag`: nothing follows · `value`: one value, joined or as the next argument · `optional`: a value only when joined ·
 * `cwd`: a value, the directory in which the program starts · `split`: a value that is split into further arguments ·
 * `shell`: starts a shell, with a value or without · `shell-pipe`: a value, a shell line where it begins with | or ! ·
 * `direct`: the program is started and not handed to a shell · `replace`: a value that stands for input in what is started ·
 * `replace-optional`: the same, `{}` where no value is joined
 */
export type OptionKind =
  | "flag"
  | "value"
  | "optional"
  | "cwd"
  | "split"
  | "shell"
  | "shell-pipe"
  | "direct"
  | "replace"
  | "replace-optional";

/** Programs that start another one, which then is judged in their place. */
export interface LauncherRow extends Examples {
  readonly names: readonly string[];
  /** By kind: short options as letters, long ones without their dashes. Any other option is refused. */
  readonly options: Readonly<
    Partial<Record<OptionKind, { readonly short?: string; readonly long?: readonly string[] }>>
  >;
  /** How options are read. `getopt`: unique beginnings of long options and joined short ones. `words`: `-x`, `--x` and `--x=v` only, and no value begins with `-`. */
  readonly grammar: "getopt" | "words";
  /** What stands between the options and the program, as regular expressions. What does not match is refused. */
  readonly operands?: readonly string[];
  /** Options may stand after these operands too. */
  readonly options_after_operands?: true;
  /** `NAME=value` may stand before the program. */
  readonly assignments?: true;
  /** Options that are numbers: `-10`. */
  readonly numbers?: true;
  /** `-` alone is an option. */
  readonly dash?: true;
  /** Without a program it starts a shell. */
  readonly bare?: "shell";
  /** The program's arguments are a line for a shell, unless an option of kind `direct` stands before. */
  readonly line?: "shell";
  /** Appends arguments from its input to what it starts. */
  readonly appends?: true;
}
