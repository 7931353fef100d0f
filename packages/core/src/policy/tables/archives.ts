import type { ProgramRow } from "../row.ts";

const COMPRESSORS =
  "(?:zstd|zstdmt|gzip|pigz|bzip2|pbzip2|lbzip2|xz|pxz|pixz|lz4|lzip|plzip|lzop|brotli)(?: -[A-Za-z0-9]+)*";

export const archives: readonly ProgramRow[] = [
  {
    names: "tar gtar bsdtar star bsdcpio",
    grammar: "getopt",
    options: {
      exec: "-F --to-command --info-script --new-volume-script --rmt-command --rsh-command --compress-program",
      value:
        "-fCbTXgKLNV --file --directory --exclude --transform --owner --group --mode --mtime --strip-components --files-from --exclude-from --format --checkpoint --xform",
      flag: "-AcdrtuxjJzZahiklmopvwWOPUBGMnsS --create --extract --list --compress --gzip --to-stdout",
    },
    texts: [
      { options: "-I --use-compress-program", refuses: `^(?!${COMPRESSORS}$)`, finds: "exec" },
      { options: "--checkpoint-action", refuses: "exec|^\\s*$", finds: "exec" },
      { of: "arguments", refuses: "^-compress-program", finds: "exec" },
      { of: 0, refuses: "^[A-Za-z]*[IF][A-Za-z]*$", exact_case: true, finds: "exec" },
    ],
    match: [
      "tar cf /dev/null x --checkpoint=1 --checkpoint-action=exec=sh",
      "tar cf x y --checkpoint-act=exec=ls",
      "tar -I ls -cf x y",
      "tar -cIls -f x y",
      "tar --use-compress-program='sh -c ls' -xf x",
      "tar --use=ls -xf x",
      "tar xf x --to-command=ls",
      "tar xf x --to-c ls",
      "tar --info-script=ls -cf x y",
      "tar -F ls -cf x y",
      "tar cIf ls x y",
      "tar --rsh-command=ls -cf h:x y",
      "bsdtar --use-compress-program=ls -xf x",
      "star -compress-program=ls x",
      "tar --new-vol=ls -cMf x y",
    ],
    not_match: [
      "tar czf out.tgz dist",
      "tar -xf a.tar -C dest",
      "tar --zstd -cf x y",
      "tar -I zstd -xf x",
      "tar -I 'xz -T0' -cf x y",
      "tar --checkpoint=100 --checkpoint-action=dot -cf x y",
      "tar --exclude=--to-command -cf x y",
      "tar -tvf x.tar",
      "tar --to-stdout -xf x y",
    ],
  },
  {
    names: "zip zipcloak zipnote",
    grammar: "words",
    options: { exec: "--unzip-command", value: "-b -n -t -tt -x -i -P" },
    texts: [{ of: "arguments", refuses: "^-[a-zA-Z0-9]*TT|^--unz", finds: "exec" }],
    match: [
      "zip x.zip a -T -TT 'sh #'",
      "zip x.zip a -T --unzip-command sh",
      "zip x.zip a -rTTls",
      "zip x.zip a -T --unzip-command=ls",
    ],
    not_match: ["zip -r out.zip dist", "zip -T out.zip", "zip -9 x y"],
  },
  {
    names: "cpio gcpio pax mt rmt",
    grammar: "getopt",
    options: { exec: "--rsh-command --to-command", value: "-CEFHIMOR --file --format --owner --message" },
    match: ["cpio -o --rsh-command=ls -F h:x", "cpio --rsh-command ls -o", "cpio -o --rsh=ls -F h:x"],
    not_match: ["cpio -idmv -I a.cpio", "pax -rf x"],
  },
  {
    names:
      "7z 7za 7zz rar unrar arj unsquashfs mksquashfs genisoimage mkisofs xorriso duplicity rdiff-backup rsnapshot dar",
    grammar: "long",
    options: {
      exec: "remote-schema external-filter rsh ssh-options ssh-cmd post-install exec_as_root execute execute-hook E pf",
    },
    texts: [{ of: "arguments", refuses: "proxycommand|^-{1,2}(?:remote-schema|external)", finds: "exec" }],
    match: [
      "rdiff-backup --remote-schema 'ls %s' a b::c",
      "duplicity --ssh-options='-oProxyCommand=ls' a b",
      "dar -E ls -x y",
    ],
    not_match: ["7z a x.7z dist", "unrar x y.rar", "mksquashfs a b"],
  },
  {
    names: "restic borg borgmatic rclone kopia duplicacy",
    grammar: "getopt",
    options: {
      exec: "--password-command --rsh --content-from-command --paths-from-command --paths-from-shell-command --remote-path --auth-proxy --sftp-ssh --metadata-mapper --stdin-from-command --passcommand --http-url-helper --ssh-command",
      file: "--config",
      value: "-r --repo --exclude --tag --host --password-file",
    },
    texts: [{ options: "-o --option", refuses: "command|program|args", finds: "exec" }],
    match: [
      "restic --password-command=ls backup",
      "restic -o sftp.command=ls backup",
      "restic --option=rclone.program=ls backup",
      "borg create --rsh 'sh -c ls' x::y z",
      "borg create --content-from-command x::y sh",
      "rclone copy x: y --password-command=ls",
      "rclone --config /tmp/x ls y:",
    ],
    not_match: ["restic snapshots", "borg list repo", "rclone copy dist remote:bucket", "restic -r repo backup dist"],
  },
];
