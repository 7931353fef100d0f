// Runs within the sandbox and tries to get out of it. Prints one JSON object: what was tried, and what came of it.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { createServer, connect } from "node:net";
import { networkInterfaces } from "node:os";

const [outside, port, parent] = process.argv.slice(2);
const seen = {};

/** The error's code, or "done". */
function attempt(name, act) {
  try {
    const value = act();
    seen[name] = value === undefined ? "done" : String(value);
  } catch (error) {
    seen[name] = error.code ?? error.message;
  }
}
const run = (...argv) => {
  const { status, error } = spawnSync(argv[0], argv.slice(1), { encoding: "utf8" });
  return error === undefined ? `exit ${status}` : error.code;
};
const statusLine = (name) =>
  new RegExp(`^${name}:\\s*(.*)$`, "m").exec(fs.readFileSync("/proc/self/status", "utf8"))[1];

attempt("write the workspace", () => fs.writeFileSync("written", "x"));
attempt("write outside", () => fs.writeFileSync(`${outside}/written`, "x"));
attempt("write through a link", () => {
  fs.symlinkSync(outside, "link");
  fs.writeFileSync("link/written", "x");
});
attempt("read outside", () => fs.readFileSync(`${outside}/secret`, "utf8"));
attempt("write /usr", () => fs.writeFileSync("/usr/written", "x"));
attempt("write /etc", () => fs.writeFileSync("/etc/written", "x"));
attempt("write the root", () => fs.writeFileSync("/written", "x"));
attempt("read /etc/shadow", () => fs.readFileSync("/etc/shadow", "utf8"));
attempt("list /root", () => fs.readdirSync("/root"));
attempt("list /home", () => fs.readdirSync("/home"));
attempt("list /run", () => fs.readdirSync("/run"));
attempt("list /var", () => fs.readdirSync("/var"));
attempt("list /sys", () => fs.readdirSync("/sys"));
attempt("write /tmp", () => fs.writeFileSync("/tmp/written", "x"));
// the directories in it lead to the workspace, and to what else is shown
attempt("files in /tmp", () => {
  const entries = fs.readdirSync("/tmp", { withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .join();
});
attempt("write the home", () => fs.writeFileSync(`${process.env.HOME}/written`, "x"));
attempt("write core_pattern", () => fs.writeFileSync("/proc/sys/kernel/core_pattern", "|/tmp/x"));
attempt("write the keeper", () => fs.writeFileSync("/run/orchestrator-keeper", "x"));
attempt("speak for the first process", () => {
  for (let fd = 3; fd < 12; fd++) {
    try {
      fs.openSync(`/proc/1/fd/${fd}`, "w");
      return "open";
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
  }
});
attempt("write the first process", () => fs.openSync("/proc/1/mem", "r+"));
attempt("read the first process's variables", () => fs.readFileSync("/proc/1/environ"));
attempt("the first process's filter", () => /^Seccomp:\s*(.*)$/m.exec(fs.readFileSync("/proc/1/status", "utf8"))[1]);
attempt("processes", () => fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).length);
attempt("signal the agent", () => process.kill(Number(parent), 0) && "sent");
attempt("interfaces", () =>
  Object.keys(networkInterfaces())
    .filter((name) => name !== "lo")
    .join(),
);
attempt("no new privileges", () => statusLine("NoNewPrivs"));
attempt("seccomp", () => statusLine("Seccomp"));
attempt("capabilities", () => ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(statusLine).join());
attempt("uid", () => process.getuid());
attempt("session of its own", () => run("setsid", "true"));
attempt("new user namespace", () => run("unshare", "--user", "true"));
attempt("mount", () => run("mount", "-t", "tmpfs", "none", "/tmp"));
attempt("trace", () => run("strace", "true"));
attempt("chroot", () => run("chroot", "/tmp", "/true"));
attempt("descriptors", () => {
  // those of a Node.js process are its own; a plain program has only what it was given
  const { stdout } = spawnSync("ls", ["/proc/self/fd"], { encoding: "utf8" });
  return stdout.trim().split("\n").join();
});
attempt("host name", () => fs.readFileSync("/proc/sys/kernel/hostname", "utf8").trim());
attempt("start a file without #!", () => {
  fs.writeFileSync("plain", "echo hello\n", { mode: 0o755 });
  return run("./plain");
});
attempt("variables", () => Object.keys(process.env).sort().join());

const socket = connect({ host: "127.0.0.1", port: Number(port) });
socket.on("connect", () => end("done"));
socket.on("error", (error) => end(error.code));
function end(outcome) {
  seen["connect to the machine"] = outcome;
  socket.destroy();
  const server = createServer().listen(0, "127.0.0.1", () => {
    seen["listen on its own loopback"] = "done";
    server.close();
    console.log(JSON.stringify(seen));
  });
}
