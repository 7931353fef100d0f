import type { Files } from "../ports.ts";

/** The kernel reads so much of a file to tell what it is (BINPRM_BUF_SIZE). */
const HEAD_BYTES = 256;

/** What a file's first bytes make of it, as execve(2) reads them. */
export type Head =
  | { readonly is: "elf" }
  | { readonly is: "script"; readonly interpreter: string; readonly argument: string | null }
  /** No kernel starts it, though the C library would hand it to a shell. */
  | { readonly is: "neither"; readonly why: string };

export function readHead(files: Files, path: string): Head {
  let fd: number;
  try {
    fd = files.openRead(path);
  } catch (error) {
    return neither(`it cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
  try {
    const bytes = new Uint8Array(HEAD_BYTES);
    const length = files.read(fd, bytes, 0);
    return headOf(Buffer.from(bytes.subarray(0, length)).toString("latin1"));
  } finally {
    files.close(fd);
  }
}

const BYTE_ORDER_MARK = "\xef\xbb\xbf";

export function headOf(head: string): Head {
  if (head.startsWith("\x7fELF")) return { is: "elf" };
  if (head === "") return neither("it is empty");
  if (head.startsWith(`${BYTE_ORDER_MARK}#!`)) return neither("a byte order mark stands before its `#!`");
  if (!head.startsWith("#!")) return neither("it is neither ELF nor begins with `#!`");
  const end = head.indexOf("\n");
  if (end < 0 && head.length >= HEAD_BYTES) return neither("its first line is longer than the kernel reads");
  const line = head.slice(2, end < 0 ? undefined : end).replace(/^[ \t]+|[ \t]+$/g, "");
  const [, interpreter, argument] = /^([^ \t]*)(?:[ \t]+([^]*))?$/.exec(line)!;
  if (line.endsWith("\r")) return neither("its first line ends in a carriage return: save it with Unix line ends");
  if (!interpreter!.startsWith("/")) return neither("its `#!` names no absolute path");
  return { is: "script", interpreter: interpreter!, argument: argument ?? null };
}

const neither = (why: string): Head => ({ is: "neither", why });
