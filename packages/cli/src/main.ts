import { runCli } from "./cli.ts";
import { processIo } from "./io.ts";

async function main(): Promise<never> {
  const io = processIo(process);
  const code = await runCli(process.argv.slice(2), { io, env: process.env, cwd: process.cwd() });
  await io.flush();
  // A process that loaded the database does not exit by itself (see attach.ts).
  return process.exit(code);
}

void main();
