import { utf8Length } from "./utf8.ts";

/**
 * Paths within a workspace, by their letters alone: no link is followed, nothing is looked up. The agent judges the
 * real path as well.
 */

/** `path` seen from `base` (itself normal), made normal: `.` or `a/b`. Null: it leaves. */
export function pathBeneath(base: string, path: string): string | null {
  if (path.startsWith("/") || path.includes("\0")) return null;
  const parts = base === "." ? [] : base.split("/");
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  return parts.length === 0 ? "." : parts.join("/");
}

/** Directories of a workspace that no command works in: what is written there runs, or counts, outside of its exec. */
const PROTECTED = new Set([".git", ".orchestrator"]);
const PATH_BYTES_MAX = 4_095;
const NAME_BYTES_MAX = 255;

/** Why a path field cannot be taken, by its letters alone, and what to write instead. Null: nothing speaks against it. */
export function refusePath(path: string): { readonly why: string; readonly hint: string } | null {
  if (path === "") return { why: "is empty", hint: "leave it out, or write `.` for the workspace" };
  if (path.includes("\0")) return { why: "holds a NUL", hint: "no path has one" };
  if (path.startsWith("/")) {
    return { why: "is an absolute path", hint: "write it relative to the workspace, as in `packages/core`" };
  }
  const names = path.split("/");
  if (names[0]!.startsWith("~")) {
    return { why: "begins with `~`, which only shells expand", hint: "for a directory of that name write `./~…`" };
  }
  if (utf8Length(path) > PATH_BYTES_MAX || names.some((name) => utf8Length(name) > NAME_BYTES_MAX)) {
    const hint = `a path has at most ${PATH_BYTES_MAX} bytes, and each name in it ${NAME_BYTES_MAX}`;
    return { why: "is longer than any path may be", hint };
  }
  if (path !== path.normalize("NFC")) {
    return { why: "spells its letters in parts (it is not in Unicode's form NFC)", hint: "write them whole" };
  }
  const normal = pathBeneath(".", path);
  if (normal === null) return { why: "leaves the workspace", hint: "commands start in the workspace or beneath it" };
  return refuseProtected(normal);
}

/** The same of a normal path beneath the workspace, for what it really names. */
export function refuseProtected(normal: string): { readonly why: string; readonly hint: string } | null {
  const [first] = normal.split("/", 1);
  if (!PROTECTED.has(first!.toLowerCase())) return null;
  const hint = "start it in the workspace; git and we look after these directories ourselves";
  return { why: `lies in \`${first!}\`, where no command may work`, hint };
}

/** The last part of a path, whichever way its slashes lean: `sh` of `/bin/./sh` and of `C:\bin\sh`. */
export function baseName(path: string): string {
  const parts = path.split(/[/\\]/).filter((part) => part !== "" && part !== ".");
  return parts.at(-1) ?? "";
}

/** Whether an absolute, normal path is `root` or lies beneath it. */
export const liesBeneath = (root: string, path: string): boolean =>
  path === root || path.startsWith(root.endsWith("/") ? root : `${root}/`);
