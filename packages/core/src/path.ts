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

/** The last part of a path, whichever way its slashes lean: `sh` of `/bin/./sh` and of `C:\bin\sh`. */
export function baseName(path: string): string {
  const parts = path.split(/[/\\]/).filter((part) => part !== "" && part !== ".");
  return parts.at(-1) ?? "";
}

/** Whether an absolute, normal path is `root` or lies beneath it. */
export const liesBeneath = (root: string, path: string): boolean =>
  path === root || path.startsWith(root.endsWith("/") ? root : `${root}/`);
