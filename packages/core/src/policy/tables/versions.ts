import type { Grammar, ProgramRow } from "../row.ts";

/** git-config(1): settings whose value is started, or that lead to files whose text is. In any case. */
const GIT_KEYS = [
  "alias\\.",
  "core\\.(?:pager|editor|sshcommand|fsmonitor|hookspath|askpass|gitproxy|alternaterefscommand|worktree|virtualfilesystem)",
  "sequence\\.editor",
  "pager\\.",
  "diff\\.external",
  "diff\\..*\\.(?:command|textconv)",
  "(?:difftool|mergetool|man|browser|guitool|hook|instaweb|web|includeif|include|url|filter|credential|sendemail|imap|gui|help)\\.",
  "merge\\..*\\.driver",
  "gpg\\.",
  "protocol\\.",
  "uploadpack\\.",
  "receive\\.(?:procreceiverefs|fsck|denycurrent)",
  "interactive\\.difffilter",
  "trailer\\..*\\.(?:cmd|command)",
  "tar\\..*\\.command",
  "submodule\\..*\\.update",
  "remote\\..*\\.(?:uploadpack|receivepack|vcs|proxy)",
  "init\\.templatedir",
  "http\\..*(?:sslcert|sslkey|sslengine|cookiefile)",
  "extensions\\.",
].join("|");
/** What those may be set to all the same. */
const GIT_HARMLESS = "(?:true|false|0|1|cat|:|never|/dev/null|less(?: -[a-z]+)*)?";
const GIT_SETTING = `^\\s*(?:${GIT_KEYS})[^=]*=(?!${GIT_HARMLESS}$)|ext::|fd::`;

const TRANSPORTS = "^(?:ext|fd)::|^-oProxyCommand|^[a-z+]*ssh://-|^[^/]*@-";

const transfers: Grammar = {
  grammar: "getopt",
  options: {
    exec: "--upload-pack --receive-pack --exec",
    value: "-boj --branch --origin --depth --jobs --server-option --refmap --push-option --repo --reference --filter",
    flag: "-u -q --quiet --update-shallow --update-head-ok --recurse-submodules --rebase --edit",
  },
};

/** Version control: aliases, hooks, pagers, transports and filters are all lines for a shell. */
export const versions: readonly ProgramRow[] = [
  {
    names: "git",
    grammar: "getopt",
    foreign: true,
    options: {
      exec: "--config-env",
      cwd: "-C --git-dir --work-tree",
      value: "-c --namespace --super-prefix --attr-source --list-cmds",
      optional: "--exec-path",
      flag: "-pPvh --paginate --no-pager --no-replace-objects --no-lazy-fetch --no-optional-locks --no-advice --bare --literal-pathspecs --glob-pathspecs --noglob-pathspecs --icase-pathspecs --version --help --html-path --man-path --info-path",
    },
    texts: [
      { options: "-c", refuses: GIT_SETTING, finds: "exec" },
      { options: "--exec-path", refuses: ".", finds: "exec" },
      { of: "operands", refuses: TRANSPORTS, finds: "exec" },
    ],
    subs: {
      clone: {
        grammar: "getopt",
        options: {
          exec: "-u --upload-pack --template",
          value:
            "-boj --branch --origin --depth --jobs --filter --reference --reference-if-able --separate-git-dir --server-option --shallow-since --shallow-exclude --bundle-uri --ref-format",
          flag: "-lnqsv",
        },
        texts: [
          { options: "-c --config", refuses: GIT_SETTING, finds: "exec" },
          { of: "operands", refuses: TRANSPORTS, finds: "exec" },
        ],
      },
      "fetch pull push ls-remote fetch-pack send-pack": {
        ...transfers,
        texts: [{ of: "operands", refuses: TRANSPORTS, finds: "exec" }],
      },
      archive: {
        grammar: "getopt",
        options: { exec: "--exec", value: "-o --format --output --prefix --remote --add-file" },
      },
      grep: {
        grammar: "getopt",
        options: {
          "exec-flag": "-O --open-files-in-pager",
          value: "-efABCm --max-depth --threads --max-count --context --after-context --before-context",
          flag: "-abcEFGhHiIlLnopPqrsvwWz --or --and --not --only-matching --no-color --color",
        },
      },
      rebase: {
        grammar: "getopt",
        options: {
          exec: "-x --exec",
          value: "-sXC --onto --strategy --strategy-option --whitespace --empty",
          optional: "-S",
        },
      },
      bisect: { grammar: "getopt", subs: { run: { grammar: "getopt", follows: "shell" } } },
      submodule: {
        grammar: "getopt",
        subs: { foreach: { grammar: "getopt", follows: "shell", options: { flag: "--recursive -q --quiet" } } },
        texts: [{ of: "operands", refuses: TRANSPORTS, finds: "exec" }],
      },
      "filter-branch remote-ext remote-fd shell": { grammar: "getopt", follows: "shell" },
      "filter-repo": {
        grammar: "getopt",
        texts: [{ of: "arguments", refuses: "^--[a-z-]*callback", finds: "code" }],
      },
      "difftool mergetool": { grammar: "getopt", options: { exec: "-x --extcmd", value: "-tO --tool", flag: "-dygG" } },
      "send-email": {
        grammar: "getopt",
        options: { exec: "--to-cmd --cc-cmd --header-cmd --sendmail-cmd", value: "--to --cc --from --subject" },
        texts: [{ options: "--smtp-server", refuses: "/", finds: "exec" }],
      },
      daemon: { grammar: "getopt", options: { exec: "--access-hook" } },
      instaweb: { grammar: "getopt", options: { exec: "-dbm --httpd --browser --module-path" } },
      init: { grammar: "getopt", options: { file: "--template", value: "-b --initial-branch --object-format" } },
      "merge-index": { grammar: "getopt", follows: "program", options: { flag: "-oq" } },
      "config set": {
        grammar: "getopt",
        options: {
          "exec-flag": "-e --edit",
          value: "-f --file --blob --type --default --comment --value --url",
          flag: "-zl --global --system --local --worktree --add --replace-all --get --get-all --get-regexp --list --unset --bool --int --path --all --append",
        },
        texts: [{ of: "joined", refuses: GIT_SETTING, finds: "exec" }],
        subs: {
          set: {
            grammar: "getopt",
            options: { value: "-f --file --blob --type --value --comment" },
            texts: [{ of: "joined", refuses: GIT_SETTING, finds: "exec" }],
          },
          edit: { grammar: "getopt", bare: "shell", follows: "shell" },
        },
      },
      remote: { grammar: "getopt", texts: [{ of: "operands", refuses: TRANSPORTS, finds: "exec" }] },
      "help web--browse": { grammar: "getopt", options: { "exec-flag": "--browser --tool" } },
    },
    match: [
      "git -c core.pager=ls -p log",
      "git -c alias.x=!ls x",
      "git -c CORE.SSHCOMMAND=ls fetch",
      "git -c core.fsmonitor=./x status",
      "git -c filter.x.clean=ls add .",
      "git -c tar.tar.gz.command=ls archive HEAD",
      "git -c protocol.ext.allow=always clone x",
      "git clone 'ext::sh -c ls' x",
      "git --exec-path=. x",
      "git --config-env=core.pager=X log",
      "git --git-dir=/tmp/x status",
      "git -C /tmp/x status",
      "git clone --upload-pa=ls x y",
      "git clone -u ls x y",
      "git clone -c core.sshCommand=ls x y",
      "git push --exec ls x",
      "git archive --remote=. --exec=ls HEAD",
      "git grep -Ols x",
      "git grep -n -O x",
      "git grep --open=ls x",
      "git rebase -x ls HEAD~1",
      "git rebase --ex ls HEAD~1",
      "git rebase -ixls HEAD~1",
      "git bisect run ls",
      "git submodule foreach ls",
      "git submodule --quiet foreach --recursive ls",
      "git filter-branch --tree-filter ls HEAD",
      "git difftool -yx ls",
      "git send-email --to-cmd=ls x",
      "git config alias.x '!ls'",
      "git config --global core.pager ls",
      "git config set core.editor ls",
      "git remote add x 'ext::sh -c ls'",
      "git -p -c pager.log=ls log",
    ],
    not_match: [
      "git status",
      "git --no-pager log -3",
      "git -c user.name=bot -c user.email=bot@example.com commit -m x",
      "git -c core.pager=cat log",
      "git -c core.quotepath=false diff --name-only",
      "git commit -am 'run bash -c tests & lint | done'",
      "git commit -m '--exec=ls'",
      "git grep -n TODO",
      "git grep -e exec --and -e sh",
      "git -C packages/app status",
      "git config user.name",
      "git config --get core.pager",
      "git config user.email bot@example.com",
      "git config --global --add safe.directory /src",
      "git clone --depth 1 --branch v1 https://example.com/r.git dest",
      "git push -u origin feature/x",
      "git rebase origin/main",
      "git bisect start",
      "git submodule update --init --recursive",
      "git worktree add ../wt feature/x",
      "git fetch --depth=1 origin main",
      "git archive --format=tar.gz -o out.tgz HEAD",
    ],
  },
  {
    names: "hg chg",
    grammar: "getopt",
    inherit: true,
    options: { cwd: "--cwd -R --repository", value: "--config --encoding" },
    texts: [
      {
        options: "--config",
        refuses:
          "^\\s*(?:alias|hooks|extensions|merge-tools|merge-patterns|pager|extdiff|diff-tools|auth|hostsecurity|subrepos|encode|decode|schemes|email|sendmail|web|paths|defaults)\\.|^\\s*(?:ui|bugzilla|notify|convert|fsmonitor|share|format)\\.(?:ssh|remotecmd|editor|merge|interface|patch|askusername|pager|logtemplate|style)",
        finds: "exec",
      },
      { of: "operands", refuses: "^ssh://-|^ext::", finds: "exec" },
    ],
    subs: {
      "clone pull push incoming in outgoing out identify id": {
        grammar: "getopt",
        options: { exec: "-e --ssh --remotecmd" },
      },
      bisect: { grammar: "getopt", options: { exec: "-c --command" } },
      "extdiff vdiff": { grammar: "getopt", options: { exec: "-p --program --patch" } },
    },
    match: [
      "hg --config alias.x=!ls x",
      "hg --config ui.ssh=ls pull",
      "hg log --config pager.pager=ls",
      "hg clone --ssh ls ssh://x y",
      "hg pull -e ls x",
      "hg bisect --command ls",
      "hg --cwd /tmp/x status",
      "hg --conf hooks.pre-status=ls status",
    ],
    not_match: ["hg status", "hg --config ui.username=bot commit -m x", "hg log -l 5", "hg commit -e -m x"],
  },
  {
    names: "svn svnadmin svnlook svnsync bzr brz darcs p4 repo jj fossil",
    grammar: "getopt",
    options: {
      exec: "--diff-cmd --diff3-cmd --editor-cmd --merge-cmd --ssh",
      file: "--config-dir",
      value: "-m --message -r -l",
    },
    texts: [
      {
        options: "--config-option --config",
        refuses: "tunnels|helpers|editor|diff-cmd|pager|aliases|merge-tools|fsmonitor|signing|fix\\.",
        finds: "exec",
      },
      { of: "operands", refuses: "ssh://-|^\\s*\\.(?:shell|system|sh|sy)", finds: "exec" },
    ],
    subs: {
      forall: { grammar: "getopt", follows: "shell", options: { value: "-gr", flag: "-pve" } },
      util: { grammar: "getopt", subs: { exec: { grammar: "getopt", follows: "anywhere" } } },
    },
    match: [
      "svn diff --diff-cmd ls",
      "svn update --diff3-cmd=ls",
      "svn checkout --config-option config:tunnels:x=ls svn+x://y z",
      "svn co svn+ssh://-oProxyCommand=ls/x y",
      "repo forall -c ls",
      "fossil sql '.shell ls'",
      "jj util exec -- sh -c ls",
    ],
    not_match: ["svn status", "svn diff", "svn log -l 5", "repo sync", "jj log"],
  },
  {
    names: "cvs cvsnt",
    grammar: "getopt",
    options: { exec: "-e" },
    match: ["cvs -e ls commit"],
    not_match: ["cvs update"],
  },
];
