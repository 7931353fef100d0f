#!/usr/bin/env bash
# The README's first line, in a fresh clone of what is committed, as a normal user. Root may run it: it then becomes
# an unprivileged uid, since root hides faults of permissions. Leaves nothing behind.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
place=$(mktemp -d "${TMPDIR:-/tmp}/fresh-clone-XXXXXX")
trap 'chmod -R u+rwX "$place" 2>/dev/null; rm -rf "$place"' EXIT
git -c safe.directory='*' clone --quiet --no-hardlinks "$here" "$place/clone"
mkdir "$place/home" "$place/tmp"
as=()
if [ "$(id -u)" = 0 ]; then
  uid=${FRESH_CLONE_UID:-12345}
  chmod 755 "$place"
  chown -R "$uid:$uid" "$place"
  as=(setpriv --reuid "$uid" --regid "$uid" --clear-groups)
fi
run() { (cd "$place/clone" && env HOME="$place/home" TMPDIR="$place/tmp" npm_config_cache="$place/home/.npm" "${as[@]}" "$@"); }

run npm ci --no-audit --no-fund
run npx --no orchestrator run examples/self-check.yaml
run npx --no orchestrator verify latest
if [ "${1:-}" = --tests ]; then run npm test; else run npx vitest run packages/agent packages/cli; fi
echo "fresh clone: both lines work as uid $("${as[@]}" id -u)"
