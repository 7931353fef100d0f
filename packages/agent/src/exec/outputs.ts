import { err, ok, OUTPUT_BYTES_MAX, OUTPUT_NAME_PATTERN, type Result } from "orchestrator-core";

const NAME = new RegExp(OUTPUT_NAME_PATTERN);

/**
 * Reads what commands wrote to `ORCHESTRATOR_OUTPUT`: `name=value` lines in UTF-8. The value is the rest of the line,
 * and the last of several counts. The error is a sentence that names the line.
 */
export function parseOutputs(bytes: Uint8Array): Result<Readonly<Record<string, string>>, string> {
  if (bytes.length > OUTPUT_BYTES_MAX) return err(`ORCHESTRATOR_OUTPUT holds more than ${OUTPUT_BYTES_MAX} bytes`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return err("ORCHESTRATOR_OUTPUT is not UTF-8");
  }
  if (text === "") return ok({});
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const outputs = new Map<string, string>();
  for (const [i, line] of lines.entries()) {
    const equals = line.indexOf("=");
    const name = line.slice(0, equals);
    if (equals < 0 || !NAME.test(name)) {
      const shown = JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}…` : line);
      return err(`line ${i + 1} of ORCHESTRATOR_OUTPUT is not \`name=value\`: ${shown}`);
    }
    outputs.set(name, line.slice(equals + 1));
  }
  return ok(Object.fromEntries(outputs));
}
