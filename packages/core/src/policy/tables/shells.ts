import type { ShellRow } from "../row.ts";

export const shells: readonly ShellRow[] = [
  {
    names: "sh bash dash ash rbash hush sash posh bosh yash osh ysh mrsh gash",
    match: [
      "sh -c ls",
      "/bin/sh",
      "/bin/./sh script.sh",
      "./bin/bash -c ls",
      "bash-5.2 -c ls",
      "BASH.EXE -c ls",
      "C:\\bin\\sh.exe -c ls",
      "dash build.sh",
      ["sh "],
      ["ｓｈ", "-c", "ls"],
      "./-sh -c ls",
    ],
    not_match: ["ssh-keygen -l", "./build.sh", "echo sh", "grep bash file", "shasum file", "bash-completion"],
  },
  {
    names:
      "zsh rzsh ksh rksh mksh lksh oksh loksh pdksh pfksh pfsh pfbash csh tcsh fish elvish nu nushell xonsh scsh rc",
    match: ["zsh -c ls", "/usr/bin/zsh-5.9 -c ls", "ksh93 -c ls", "csh -c ls", "/opt/fish/bin/fish -c ls", "nu -c ls"],
    not_match: ["kshow", "zshow", "fisher", "cshift"],
  },
  {
    names: "pwsh pwsh-preview powershell powershell_ise cmd command.com wscript cscript mshta",
    match: ["pwsh -c ls", "PowerShell.exe -Command ls", "CMD.EXE /c dir", "wscript.exe x.vbs"],
    not_match: ["cmdline", "cmake -S . -B build"],
  },
  {
    does: "hands its text to a shell",
    names: "script scriptlive sg newgrp . source eval : shopt tasksh git-shell smrsh",
    match: ["script -c ls out", "script out", ". ./script.sh", "sg group ls"],
    not_match: ["scripts/build", "./script.py", "sum file", "sgdisk -p x"],
  },
  {
    does: "becomes another user or leaves the machine's limits",
    names:
      "su sudo sudoedit doas pkexec runuser run0 dzdo ksu gosu su-exec sux kdesu gksu gksudo calife chroot gchroot capsh nsenter machinectl",
    match: [
      "su -c ls",
      "sudo ls",
      "sudo -n npm ci",
      "chroot root ls",
      "nsenter -t 1 ls",
      "doas ls",
      "pkexec ls",
      "runuser -u nobody ls",
    ],
    not_match: ["sudoku", "suspend-test", "sum file"],
  },
  {
    does: "starts something that runs later, elsewhere, or out of sight of its exec",
    names: [
      "at batch crontab anacron systemd-run start-stop-daemon daemonize run-parts runsv runsvdir svscan supervise",
      "supervisord pm2 forever monit inetd xinetd telinit openvt agetty getty login mingetty incrontab",
      "fcron fcrontab schtasks openrc-run s6-svscan runit",
    ].join(" "),
    match: ["at now", "at -f job.txt now", "batch", "crontab -", "systemd-run ls", "openvt -- ls", "run-parts dir"],
    not_match: ["attr -l x", "batcat file", "crontab.py", "atomic-tool"],
  },
  {
    does: "opens a session in which lines are carried out",
    names: [
      "screen tmux tmate byobu dtach abduco zellij xterm uxterm lxterm rxvt urxvt gnome-terminal konsole kitty alacritty",
      "wezterm terminator xfce4-terminal mate-terminal lxterminal tilix x-terminal-emulator terminology ghostty",
      "mosh mosh-server et ttyd gotty wetty shellinabox shellinaboxd teleconsole upterm",
    ].join(" "),
    match: ["screen -dm ls", "tmux new -d ls", "xterm -e ls", "kitty sh", "mosh host ls"],
    not_match: ["screenshot x.png", "stat x", "xterms"],
  },
  {
    does: "carries out what the other side sends, or gives it a shell",
    names: "telnetd rlogin rsh rexec remsh sshd dropbear dbclient pdsh pssh dsh clush mussh cssh parallel-ssh",
    match: ["pdsh -w x ls", "rsh host ls", "pssh -H x ls"],
    not_match: ["rshell.py", "dshow"],
  },
  {
    does: "starts programs by other names of Windows",
    names: [
      "forfiles wmic rundll32 regsvr32 installutil pcalua scriptrunner msiexec",
      "syncappvpublishingserver odbcconf regasm regsvcs presentationhost infdefaultinstall psexec winrs explorer.exe control.exe hh.exe",
    ].join(" "),
    match: ["forfiles.exe /c calc", "rundll32.exe x.dll,Start", "wmic.exe process call create calc"],
    not_match: ["controller", "explore"],
  },
];
