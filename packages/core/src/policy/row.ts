/**
 * The shape of policy's tables. Rows are data: they go into the policy digest, and a test runs the examples that each
 * carries. `match` are commands that must be refused, `not_match` near misses that must not.
 *
 * Lists of names, options and words stand in one string, with blanks between. An example is a line that is split at
 * blanks and quotes, or a list of words.
 */
export interface Examples {
  readonly match: readonly Example[];
  readonly not_match: readonly Example[];
}
export type Example = string | readonly string[];

/** Programs that carry out a text that they are given, or that start something which no longer belongs to the exec. */
export interface ShellRow extends Examples {
  readonly names: string;
  /** What is said of it where it does something else than to start a shell: "the command …". */
  readonly does?: string;
}

/**
 * What an option means for what is started:
 * `flag`: nothing follows · `value`: one value, joined or as the next argument · `optional`: a value only when joined ·
 * `cwd`: a value, the directory in which the program works · `split`: a value that is split into further arguments ·
 * `shell`: starts a shell, with a value or without · `shell-pipe`: a value, a shell line where it begins with | or ! ·
 * `direct`: the program is started and not handed to a shell · `replace`: a value that stands for input in what is
 * started · `replace-optional`: the same, `{}` where no value is joined ·
 * `exec`: a value, a program or line that is started · `exec-flag`: starts a program, with a value joined or without ·
 * `code`: a value that is carried out · `code-flag`: takes code from its input or its operands ·
 * `file`: a value, a file whose text is carried out · `program`: a value, the name of a program that is started ·
 * `line`: a value, a program with its arguments · `args`: the arguments up to `;` or `+` are a program ·
 * `rest`: all arguments that follow are a program · `module`: a value, a program's name, with all that follows ·
 * `text`: a value in the row's language · `text-file`: a file of it
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
  | "replace-optional"
  | "exec"
  | "exec-flag"
  | "code"
  | "code-flag"
  | "file"
  | "program"
  | "line"
  | "args"
  | "rest"
  | "module"
  | "text"
  | "text-file";

/** What an option's value, or an operand, does where its text has a certain form. */
export interface TextRule {
  /** Of which options' values. */
  readonly options?: string;
  /** Else of what: each operand, the operand of that number, all of them with `=` between, or each argument. */
  readonly of?: "operands" | "joined" | "arguments" | number;
  /** A regular expression, in any case unless `exact_case`. */
  readonly refuses: string;
  readonly exact_case?: true;
  readonly finds: "shell" | "code" | "exec";
}

/** How a program, or a sub-command of it, reads its arguments. */
export interface Grammar {
  /**
   * `getopt`: unique beginnings of long options, and joined short ones. `words`: `-x`, `--x` and `--x=v` only.
   * `long`: one dash or two, `-name`, `-name=v`, nothing joined.
   */
  readonly grammar: "getopt" | "words" | "long";
  /** By kind. In `getopt`, letters after one dash are options each: `-abc`. */
  readonly options?: Readonly<Partial<Record<OptionKind, string>>>;
  /**
   * What stands behind the options. `program`: a program that it starts; an option that is not known is refused.
   * `shell`: a line for a shell, unless an option `direct` stands before; the same. `anywhere`: a program, with options
   * before it that policy does not know, so every argument is judged as one. `script`: a file that it carries out, and
   * what follows is the script's own. `operands`: neither, and options may stand between; the default.
   */
  readonly follows?: "program" | "shell" | "anywhere" | "script" | "operands";
  /** What stands between the options and the program, as regular expressions. What does not match is refused. */
  readonly operands?: readonly string[];
  /** Options may stand after these operands too. */
  readonly options_after_operands?: true;
  /** It takes options also from among the program's arguments, up to `--`, which it leaves out. */
  readonly permutes?: true;
  /** `NAME=value` may stand before the program. */
  readonly assignments?: true;
  /** Options that are numbers: `-10`. */
  readonly numbers?: true;
  /** `-` alone is an option. */
  readonly dash?: true;
  /** What it does without a program, or without any argument. */
  readonly bare?: "shell" | "code";
  /** Appends arguments from its input to what it starts. */
  readonly appends?: true;
  /** Operands of this form are passed over in the search for a sub-command. */
  readonly skips?: string;
  /** By the names that lead to it. */
  readonly subs?: Readonly<Record<string, Grammar>>;
  /** Behind a sub-command that is not among them, options are that one's own. */
  readonly foreign?: true;
  /** What its options mean, and its rules for texts, goes for its sub-commands too. */
  readonly inherit?: true;
  readonly texts?: readonly TextRule[];
  /** The language of its first operand, unless an option brought the text. */
  readonly language?: "awk" | "sed";
}

export interface ProgramRow extends Grammar, Examples {
  readonly names: string;
}
