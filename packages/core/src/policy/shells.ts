import type { ShellRow } from "./row.ts";

/** By base name, without `.exe` and the like, in any case, and with a version behind it (`bash5`, `ksh-93`). */
export const shells: readonly ShellRow[] = [
  {
    names: ["sh", "bash", "dash", "ash", "rbash", "hush", "sash", "posh", "bosh", "yash", "osh", "ysh"],
    match: [
      ["sh", "-c", "ls"],
      ["/bin/sh"],
      ["/bin/./sh", "script.sh"],
      ["./bin/bash", "-c", "ls"],
      ["bash-5.2", "-c", "ls"],
      ["BASH.EXE", "-c", "ls"],
      ["C:\\bin\\sh.exe", "-c", "ls"],
      ["dash", "build.sh"],
    ],
    not_match: [["ssh", "host"], ["./build.sh"], ["echo", "sh"], ["grep", "bash", "file"], ["shasum", "file"]],
  },
  {
    names: ["zsh", "rzsh", "ksh", "rksh", "mksh", "lksh", "oksh", "loksh", "pdksh", "pfksh", "pfsh", "pfbash"],
    match: [
      ["zsh", "-c", "ls"],
      ["/usr/bin/zsh-5.9", "-c", "ls"],
      ["ksh93", "-c", "ls"],
      ["mksh", "-c", "ls"],
    ],
    not_match: [["kshow"], ["zshow"]],
  },
  {
    names: ["csh", "tcsh", "fish", "elvish", "nu", "xonsh", "scsh"],
    match: [
      ["csh", "-c", "ls"],
      ["tcsh", "-c", "ls"],
      ["/opt/fish/bin/fish", "-c", "ls"],
    ],
    not_match: [["fisher"], ["cshift"]],
  },
  {
    names: ["pwsh", "pwsh-preview", "powershell", "cmd"],
    match: [
      ["pwsh", "-c", "ls"],
      ["PowerShell.exe", "-Command", "ls"],
      ["CMD.EXE", "/c", "dir"],
    ],
    not_match: [["cmdline"], ["cmake", "--build", "."]],
  },
  {
    // Each of these hands its text or its session to the user's shell.
    names: ["su", "runuser", "script", "scriptlive", "sg", "newgrp"],
    match: [
      ["su", "-c", "ls"],
      ["runuser", "-u", "nobody", "ls"],
      ["script", "-c", "ls", "out"],
      ["script", "out"],
    ],
    not_match: [["sum", "file"], ["scripts/build"], ["./script.py"]],
  },
];
