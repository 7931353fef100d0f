import type { ProgramRow } from "../row.ts";

/** Programs that look for files, page, compare and edit them. */
export const files: readonly ProgramRow[] = [
  {
    names: "find gfind bfs",
    grammar: "words",
    options: {
      args: "-exec -execdir -ok -okdir",
      value: [
        "-name -iname -path -ipath -wholename -iwholename -regex -iregex -lname -ilname -type -xtype -size -mtime -atime",
        "-ctime -mmin -amin -cmin -newer -anewer -cnewer -samefile -inum -links -perm -user -group -uid -gid -fstype -maxdepth",
        "-mindepth -printf -used -context -regextype -files0-from -newermt -newerat -newerct -since -D -fprint -fprint0 -fls",
      ].join(" "),
    },
    match: [
      "find . -exec sh ;",
      "find . -name '*.ts' -exec bash -c x {} ;",
      "find . -execdir sh -c ls ;",
      "find . -ok sh ;",
      "find . -exec env sh -c ls ;",
      "find . -exec grep -l x {} + -exec sh {} +",
      "find . -exec sh {} +",
      "find . -exec python3 -c 1 ;",
      "find . -okdir busybox sh ;",
      "find . -exec {} ;",
      "find -- . -exec sh ;",
    ],
    not_match: [
      "find . -name '*.ts'",
      "find . -name -exec",
      "find . -name exec -type f",
      "find . -type f -exec grep -l x {} +",
      "find . -path ./node_modules -prune -o -name '*.js' -print",
      "find . -exec rm -f {} ;",
    ],
  },
  {
    names: "fd fdfind",
    grammar: "getopt",
    appends: true,
    options: {
      args: "-xX --exec --exec-batch",
      value:
        "-edEtSogjc --extension --max-depth --exclude --type --size --changed-within --glob --color --base-directory",
      flag: "-HIaLpulsiF --hidden --no-ignore",
    },
    match: ["fd . -x sh -c ls", "fd . --exec-batch=sh", "fd . -Xsh", "fd -HIx bash"],
    not_match: ["fd -e ts", "fd --hidden --exclude node_modules sh", "fd . -x wc -l", "fdfind -t f x"],
  },
  {
    names: "rg ripgrep ugrep ug ack ag zgrep pt",
    grammar: "getopt",
    options: {
      exec: "--pre --hostname-bin --pager --filter --view",
      value:
        "-egfABCmMtTjEdr --glob --type --regexp --max-count --pre-glob --context --after-context --before-context --file --replace",
      flag: "-iInlLcvwxsSuUzPFopqH0aN --pretty --passthru --files --json",
    },
    match: ["rg --pre ./x y", "rg --pre=./x y", "rg --hostname-bin=./x y", "ack --pager='sh' x"],
    not_match: [
      "rg TODO",
      "rg -n child_process src",
      "rg --pretty -C2 spawn",
      "rg -e '--pre=x' .",
      "rg --pre-glob '*.gz' x",
    ],
  },
  {
    names: "fzf sk fzy peco",
    grammar: "getopt",
    options: {
      exec: "--preview --cmd -c --with-shell --listen-unsafe",
      value: "-fqnd --filter --query --delimiter --nth --height --layout",
    },
    texts: [
      { options: "--bind", refuses: "execute|become|reload|transform|preview|search\\(|print\\(.*\\$", finds: "exec" },
    ],
    match: ["fzf --preview 'cat {}'", "fzf --bind 'enter:execute(ls)'", "fzf --bind=start:become(ls)", "sk -c ls"],
    not_match: ["fzf -f x", "fzf --height 40% --bind ctrl-a:select-all"],
  },
  {
    names: "less more pg most lv lesspipe zless bat batcat delta",
    grammar: "getopt",
    options: {
      file: "-k --lesskey-file --lesskey-src",
      code: "--lesskey-content",
      value: "-pPtTjbhoOxyz -l --language --theme --style --line-range",
      flag: "-NRSFXKEimnrsuw",
    },
    texts: [
      { of: "operands", refuses: "^\\+", finds: "code" },
      { options: "--pager", refuses: "^(?!(?:less(?: -[A-Za-z]+)*|cat|never|builtin|)$)", finds: "exec" },
    ],
    match: ["less '+!ls' x", "less --lesskey-content='x' y", "bat --pager 'sh -c ls' x"],
    not_match: ["less -R x", "bat --pager=never x", "more x", "bat -l ts x"],
  },
  {
    names: "man man-db mandoc apropos",
    grammar: "getopt",
    options: {
      exec: "-P --pager",
      "exec-flag": "-H --html --gxditview -X",
      file: "-C --config-file",
      value: "-LMSeErRpTs --locale --manpath --sections --preprocessor",
      flag: "-kfawWtcdDlZ",
    },
    match: ["man -P ls x", "man --pager=ls x", "man -Hls x", "man --html=ls x", "man -H x"],
    not_match: ["man ls", "man -k tar", "man 3 printf"],
  },
  {
    names: "diff gdiff diff3 sdiff wdiff colordiff icdiff difft",
    grammar: "getopt",
    options: { exec: "--diff-program", value: "-UCIxXLDWF --label --exclude --unified" },
    match: ["diff3 --diff-program=./x a b c", "sdiff --diff-p ./x a b"],
    not_match: ["diff -u a b", "diff3 a b c", "diff -r --exclude node_modules a b"],
  },
  {
    names: "sort gsort",
    grammar: "getopt",
    options: {
      value:
        "-kotTS --key --output --field-separator --temporary-directory --buffer-size --parallel --files0-from --batch-size --random-source --sort",
      flag: "-bdfgiMhnRrVcCmsuz",
    },
    texts: [{ options: "--compress-program", refuses: "^(?!(?:gzip|bzip2|xz|zstd|lz4|pigz)$)", finds: "exec" }],
    match: [
      "sort --compress-program=./x y",
      "sort --compress-program sh y",
      "sort --comp=sh y",
      "gsort -S 1 --compress-prog sh y",
    ],
    not_match: ["sort -k2,2n x", "sort -u -o y x", "sort --compress-program=zstd x"],
  },
  {
    names: "split gsplit",
    grammar: "getopt",
    options: { exec: "--filter", value: "-abClnt --suffix-length --bytes --lines --number --additional-suffix" },
    match: ["split --filter='sh -c ls' x", "split -l 1 --filter ls x", "split --fil=ls x"],
    not_match: ["split -l 1000 x y", "split -b 1M x"],
  },
  {
    names: "patch gpatch",
    grammar: "getopt",
    options: { "exec-flag": "-e --ed", value: "-pidoDFrYzVgB --input --directory --output --strip" },
    match: ["patch --ed x", "patch -e x"],
    not_match: ["patch -p1 -i fix.patch", "patch --dry-run -p0 -i fix.patch"],
  },
  {
    names: "broot ranger nnn vifm mc lf yazi ncdu joshuto xplr tig lazygit gitui",
    grammar: "getopt",
    options: { exec: "-cC --cmd --command -p --program --on-load --preview" },
    match: ["broot --cmd ':!sh'", "ranger --cmd='shell ls'", "lf -command x"],
    not_match: ["ncdu -o out.json .", "tig --version"],
  },
  {
    names: "csvtool run-mailcap see mimeopen xdg-open mailcap",
    grammar: "getopt",
    options: { exec: "--action" },
    subs: { "call namedcol-call": { grammar: "getopt", follows: "shell" } },
    match: ["csvtool call sh x.csv", "run-mailcap --action=x y"],
    not_match: ["csvtool col 1 x.csv"],
  },
  {
    names: "dialog xdialog whiptail",
    grammar: "words",
    options: { exec: "--prgbox --programbox --program-box --prog-box" },
    match: ["dialog --prgbox ls 1 1"],
    not_match: ["dialog --msgbox x 1 1"],
  },
  {
    names: "msgfilter msgexec",
    grammar: "getopt",
    follows: "anywhere",
    match: ["msgfilter sh -c ls", "msgexec -i x bash", "msgfilter -P /bin/sh -c ls"],
    not_match: ["msgfilter --version"],
  },
];
