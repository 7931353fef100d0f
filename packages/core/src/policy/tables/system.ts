import type { Grammar, ProgramRow } from "../row.ts";

const anywhere: Grammar = { grammar: "getopt", follows: "anywhere" };
const shell: Grammar = { grammar: "getopt", follows: "shell", bare: "shell" };

/** Programs that administer or watch a machine, a desktop or a bus. */
export const system: readonly ProgramRow[] = [
  {
    names: "perf",
    grammar: "getopt",
    subs: {
      "stat record trace kvm mem c2c lock top sched ftrace": anywhere,
      script: { grammar: "getopt", options: { exec: "-s --script --dlfilter", value: "-iF --input --fields" } },
      "report annotate": { grammar: "getopt", options: { exec: "--objdump --addr2line" } },
    },
    match: ["perf stat sh -c ls", "perf record -o /dev/null -- sh -c ls", "perf trace sh", "perf script -s ./x.py"],
    not_match: ["perf stat -e cycles ./app", "perf report", "perf script -i x"],
  },
  {
    names: "bpftrace stap dtrace lttng uftrace",
    grammar: "getopt",
    options: { code: "-en", exec: "-c --cmd", value: "-opImD" },
    match: ["bpftrace -e 'BEGIN {system(\"x\")}'", "bpftrace -c ls x.bt", "stap -e 'probe begin {}'", "dtrace -n x"],
    not_match: ["bpftrace x.bt", "stap x.stp"],
  },
  {
    names: "ip tc",
    grammar: "words",
    options: { file: "-b -batch", value: "-n -netns" },
    subs: {
      netns: { grammar: "words", subs: { exec: { grammar: "words", follows: "program", operands: [""] } } },
      vrf: { grammar: "words", subs: { exec: { grammar: "words", follows: "program", operands: [""] } } },
    },
    match: ["ip netns exec x sh", "ip vrf exec x bash", "ip -b - "],
    not_match: ["ip addr show", "ip netns list", "ip netns exec x ls"],
  },
  {
    names: "iptables ip6tables nft modprobe insmod rmmod sysctl ldconfig update-alternatives kmod depmod",
    grammar: "getopt",
    options: { exec: "--modprobe", file: "-fC --config --load -p" },
    texts: [
      { of: "arguments", refuses: "kernel\\.(?:core_pattern|modprobe|hotplug)", finds: "exec" },
      { of: "operands", refuses: "\\.ko$", finds: "exec" },
    ],
    match: ["iptables -L --modprobe=./x", "insmod ./x.ko", "sysctl kernel.core_pattern=|/x"],
    not_match: ["iptables -L -n", "sysctl -a", "ldconfig -p"],
  },
  {
    names: "systemctl service loginctl busctl dbus-send gdbus qdbus journalctl coredumpctl",
    grammar: "getopt",
    options: { value: "-utpn --unit --type --property --lines" },
    texts: [
      {
        options: "--address --bus --debugger --debugger-arguments",
        refuses: "unixexec|^(?!unix:|tcp:)",
        finds: "exec",
      },
      { of: 0, refuses: "^\\.*/", finds: "exec" },
      {
        of: "joined",
        refuses: "^(?:link|enable|start|reenable|preset)=.*/|set-environment|^import-environment",
        finds: "exec",
      },
    ],
    subs: { "edit debug gdb": shell },
    match: [
      "busctl --address=unixexec:path=/bin/sh,argv1=-c",
      "systemctl link /tmp/x.service",
      "service ../../bin/sh x",
      "systemctl edit x",
      "busctl get-property x --address=unixexec:path=sh",
      "coredumpctl --debugger=sh debug",
    ],
    not_match: ["systemctl status nginx", "systemctl restart app", "journalctl -u app -n 50", "systemctl enable app"],
  },
  {
    names: "xdotool swaymsg i3-msg hyprctl bspc awesome-client wmctrl riverctl herbstclient niri",
    grammar: "words",
    texts: [
      {
        of: "operands",
        refuses: "^\\s*(?:exec|exec_always|behave|spawn|dispatch)\\b|;\\s*exec\\b|,\\s*exec\\b",
        finds: "shell",
      },
    ],
    match: ["xdotool exec --sync sh", "swaymsg exec ls", "i3-msg 'workspace 1; exec ls'", "hyprctl dispatch exec ls"],
    not_match: ["xdotool key Return", "swaymsg -t get_tree"],
  },
  {
    names:
      "plymouth mdadm zic gtester keyctl smartd upsd apcupsd acpid udevadm bconsole cupsfilter lpadmin needrestart",
    grammar: "getopt",
    options: { exec: "-y --command --program --alert --exec --notify", value: "-odp" },
    subs: { session: anywhere },
    match: [
      "plymouth ask-for-password --command=sh",
      "mdadm --monitor --program=./x",
      "zic -d . -y ./x y",
      "keyctl session - sh -c ls",
    ],
    not_match: ["mdadm --detail /dev/md0", "zic -d out x", "keyctl list @s"],
  },
  {
    names: "xdg-user-dir",
    grammar: "words",
    texts: [{ of: "operands", refuses: "[^A-Za-z_]", finds: "shell" }],
    match: ["xdg-user-dir '}; ls #'"],
    not_match: ["xdg-user-dir DOWNLOAD"],
  },
  {
    names: "code code-insiders codium cursor windsurf zed subl",
    grammar: "words",
    options: { exec: "--install-extension --command --extensionDevelopmentPath" },
    subs: { "tunnel serve-web": shell },
    match: ["code tunnel", "code --install-extension ./x.vsix"],
    not_match: ["code --version"],
  },
  {
    names: "msfconsole msfvenom sqlmap wpscan hydra john hashcat volatility vol",
    grammar: "getopt",
    options: {
      code: "-x --eval --execute-command",
      "exec-flag": "--os-shell --os-cmd --sql-shell",
      file: "-r --plugins",
    },
    match: ["msfconsole -x ls", "sqlmap --eval 1 -u x", "sqlmap --os-shell"],
    not_match: ["john x"],
  },
  {
    names:
      "crash debugfs dmsetup gcore scanmem jtag ksshell minicom picocom cu tip kermit screenkey telnet ftp tftp ncftp smbclient rpcclient",
    grammar: "getopt",
    options: { file: "-if --input" },
    texts: [
      {
        options: "-cER --command --request --execute --runscript",
        refuses: "!|\\bshell\\b|\\bexec\\b",
        finds: "shell",
      },
    ],
    match: ["smbclient //h/s -c '!ls'", "debugfs -R '!ls' x"],
    not_match: ["smbclient //h/s -c 'get x'", "debugfs -R stats x"],
  },
];
