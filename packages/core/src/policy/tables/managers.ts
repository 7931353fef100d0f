import type { Grammar, ProgramRow } from "../row.ts";

const anywhere: Grammar = { grammar: "getopt", follows: "anywhere" };
const shell: Grammar = { grammar: "getopt", follows: "shell", bare: "shell" };
const NPM_SETTINGS =
  "(?:^|=)\\s*(?:script-shell|node-options|git|editor|shell|viewer|browser|init-module|globalconfig|userconfig)\\s*=";

const npmExec: Grammar = {
  grammar: "words",
  follows: "program",
  permutes: true,
  options: {
    flag: "-y -q -s --yes --no-yes --quiet --silent --workspaces --include-workspace-root --offline --prefer-offline --no-install --ignore-scripts --no-audit --no-fund",
    value: "-p -w --package --workspace --prefix --registry --loglevel --cache --script-shell",
    shell: "-c --call",
  },
};

/** Package managers and what provisions machines: hooks, editors, options that name programs. */
export const managers: readonly ProgramRow[] = [
  {
    names: "npm",
    grammar: "getopt",
    inherit: true,
    options: {
      exec: "--script-shell --git --editor --node-options --shell --viewer --browser --init-module --globalconfig --userconfig",
      cwd: "-C --prefix",
      value: "-w --workspace --registry --tag --loglevel --omit --include --cache --depth --scope --access --otp",
      flag: "-DEOPSgsdqlafy --save-dev --git-tag-version --global --json --silent",
    },
    texts: [{ of: "operands", refuses: "^git\\+(?:ext|file|fd)|^ext::|^git\\+ssh://-", finds: "exec" }],
    subs: {
      "exec x": npmExec,
      explore: { grammar: "getopt", follows: "shell", operands: [""], options: { flag: "--help" } },
      "config c set": {
        grammar: "getopt",
        texts: [{ of: "joined", refuses: NPM_SETTINGS, finds: "exec" }],
        subs: {
          set: { grammar: "getopt", texts: [{ of: "joined", refuses: NPM_SETTINGS, finds: "exec" }] },
          edit: shell,
        },
      },
    },
    match: [
      "npm exec sh",
      "npm exec -c ls",
      "npm exec --call=ls",
      "npm x -- sh -c ls",
      "npm exec node -- -e 1",
      "npm exec tsc -c ls",
      "npm explore lodash -- ls",
      "npm run build --script-shell=/tmp/x",
      "npm run build --script-shell bash",
      "npm run build --node-options=--require=./x.js",
      "npm config set script-shell ./x",
      "npm --prefix /tmp/x run build",
      "npm config edit",
    ],
    not_match: [
      "npm ci --ignore-scripts --no-audit --no-fund",
      "npm run test -- --coverage",
      "npm run build -- --script-shell",
      "npm --prefix packages/app run build",
      "npm exec tsc -- --noEmit",
      "npm exec --yes prettier -- --check .",
      "npm i -D vitest",
      "npm config get registry",
      "npm version patch",
      "npm t",
    ],
  },
  {
    names: "pnpm yarn yarnpkg ni",
    grammar: "getopt",
    inherit: true,
    options: {
      exec: "--script-shell --node-options",
      shell: "-c --shell-mode",
      cwd: "-C --dir --cwd",
      value: "-F --filter",
      flag: "-rwDE --recursive --silent --json",
    },
    subs: {
      "exec dlx x workspace": { grammar: "getopt", follows: "anywhere" },
      node: { grammar: "getopt", follows: "script", options: { code: "-ep --eval --print" } },
      "workspaces foreach": { grammar: "getopt", subs: { "foreach exec run": anywhere } },
      "config set": { grammar: "getopt", texts: [{ of: "joined", refuses: NPM_SETTINGS, finds: "exec" }] },
    },
    match: [
      "pnpm exec sh -c ls",
      "pnpm -r exec sh",
      "yarn exec sh",
      "yarn node -e 1",
      "pnpm dlx -c ls",
      "yarn workspaces foreach exec sh",
      "pnpm --script-shell=./x run y",
    ],
    not_match: [
      "pnpm install --frozen-lockfile",
      "yarn build",
      "pnpm -r run test",
      "yarn dlx create-x",
      "pnpm exec tsc --noEmit",
      "yarn add -D x",
    ],
  },
  {
    names: "pip pip-compile easy_install",
    grammar: "getopt",
    options: {
      exec: "--python --editor --global-option --install-option --build-option",
      value: "-rcedtiwf --requirement --constraint --index-url --target --no-binary",
    },
    texts: [
      { of: "operands", refuses: "^git\\+(?:ext|file|fd)|ext::|^(?:git|hg|bzr|svn)\\+ssh://-", finds: "exec" },
      {
        options: "-e --editable",
        refuses: "^git\\+(?:ext|file|fd)|ext::|^(?:git|hg|bzr|svn)\\+ssh://-",
        finds: "exec",
      },
      { options: "--config-settings -C", refuses: "--build-option|--global-option", finds: "exec" },
    ],
    match: [
      "pip --python ./x install y",
      "pip config --editor sh edit",
      "pip install --global-option=build_ext x",
      "pip install 'git+ext::sh'",
      "pip3 install -e 'git+ssh://-oProxyCommand=x/y'",
      "python3 -m pip install --glob=x y",
    ],
    not_match: [
      "pip install -r requirements.txt",
      "pip install --no-deps -e .",
      "pip download -d wheels requests",
      "pip install -C build-dir=x .",
      "pip freeze",
    ],
  },
  {
    names: "apt apt-get aptitude apt-cache apt-mark apt-file apt-config nala",
    grammar: "getopt",
    options: { file: "-c --config-file", value: "-at --target-release", flag: "-qydsubfmV" },
    texts: [
      {
        options: "-o --option",
        refuses:
          "^(?!\\s*Dpkg::Options::=--force-conf[a-z]+$).*(?:invoke|dpkg::|post-|pre-install|hook|::options|dir::|proxyauto|command|binary::|planner|solver|sandbox|changelog|::pager)",
        finds: "exec",
      },
    ],
    match: [
      "apt-get -o APT::Update::Pre-Invoke::=ls update",
      ["apt-get", "-oDpkg::Pre-Invoke::=ls", "install", "x"],
      "apt update --option=APT::Update::Post-Invoke::=ls",
      "apt -c /tmp/x update",
    ],
    not_match: [
      "apt-get install -y curl",
      "apt-get update",
      "apt-get -o Acquire::Retries=3 update",
      "apt-get -o Dpkg::Options::=--force-confnew install x",
      "apt-cache policy bash",
    ],
  },
  {
    names: "rpm rpmquery rpmbuild rpmverify rpmkeys rpmdb rpmsign rpmspec rpm2cpio mock",
    grammar: "getopt",
    options: { exec: "--pipe --scm-option", file: "--rcfile --load --macros", value: "--root --queryformat --dbpath" },
    texts: [
      {
        options: "-ED --eval --define",
        refuses: "%\\(|%\\{(?:lua|\\?[^}]*:.*%\\(|shrink|expand|load|uncompress)|%<",
        finds: "code",
      },
    ],
    match: [
      "rpm --eval '%(ls)'",
      "rpmbuild --define 'x %(ls)' -bb x.spec",
      "rpmquery --eval '%{lua:x}'",
      "rpm -E '%(ls)'",
      "rpm -q --pipe ls x",
    ],
    not_match: ["rpm -qa", "rpm --eval '%{_libdir}'", "rpmbuild -bb --define '_topdir /x' x.spec", "rpm -qi bash"],
  },
  {
    names: "dnf dnf5 yum zypper microdnf tdnf pacman yay paru makepkg apk xbps-install emerge opkg pkg port",
    grammar: "getopt",
    options: {
      file: "-c --config --hookdir --gpgdir",
      exec: "--editor --makepkg --git --gpg --sudo --pager",
      flag: "-yqvSRQUsu",
    },
    texts: [{ options: "--setopt", refuses: "plugin|persistdir|installroot|gpgkey|reposdir", finds: "exec" }],
    match: [
      "dnf --setopt=pluginpath=/tmp/x update",
      "dnf -c /tmp/x update",
      "pacman --hookdir /tmp/x -Syu",
      "yay --editor ls -S x",
    ],
    not_match: ["dnf install -y x", "pacman -Syu", "dnf list installed", "apk add curl", "pacman -Q"],
  },
  {
    names: "wp drush bee magerun n98-magerun craft typo3 occ",
    grammar: "words",
    options: { code: "--exec", file: "--require" },
    subs: {
      "eval ev php-eval php:eval core-cli core:cli php shell sql:cli sqlc console": {
        grammar: "words",
        texts: [{ of: "operands", refuses: "", finds: "code" }],
        bare: "code",
      },
      "eval-file scr php-script php:script": { grammar: "words", follows: "script" },
      db: { grammar: "words", subs: { cli: shell } },
    },
    match: [
      "wp eval 'x();'",
      "drush php:eval 'x();'",
      "drush ev 1",
      "wp shell x",
      "bee eval 1",
      "wp plugin list --exec=1",
    ],
    not_match: ["wp plugin list", "drush cr", "wp eval-file x.php"],
  },
  {
    names: "brew snap flatpak composer cpan cpanm cpm luarocks nimble shards hex mix rebar3 phive box",
    grammar: "words",
    inherit: true,
    options: { exec: "--edit --editor", shell: "--shell", program: "--command" },
    subs: {
      "sh irb pry shell debug edit": { grammar: "words", follows: "shell", bare: "shell" },
      ruby: { grammar: "words", options: { code: "-e" } },
      "exec x": { grammar: "words", follows: "anywhere" },
      global: { grammar: "words", subs: { exec: { grammar: "words", follows: "anywhere" } } },
      run: { grammar: "words", options: { code: "-e --eval", shell: "--shell", program: "--command" } },
      "eval cmd": { grammar: "words", texts: [{ of: "operands", refuses: "", finds: "code" }] },
    },
    match: [
      "brew sh -c ls",
      "snap run --shell x -c ls",
      "flatpak run --command=sh x",
      "composer exec sh",
      "composer global exec sh",
      "mix run -e 1",
      "mix eval 1",
    ],
    not_match: [
      "brew install jq",
      "snap list",
      "composer install --no-dev",
      "composer test",
      "mix test",
      "flatpak list",
      "composer exec phpunit",
    ],
  },
  {
    names: "ansible ansible-playbook ansible-pull ansible-galaxy ansible-vault ansible-inventory",
    grammar: "getopt",
    options: {
      exec: "-a --args --vault-password-client",
      file: "--vault-id-script",
      value: "-imelutfMT --inventory --module-name --extra-vars --limit --tags",
    },
    texts: [{ of: "arguments", refuses: "proxycommand|localcommand|knownhostscommand", finds: "exec" }],
    match: [
      "ansible all -a ls",
      "ansible all -m shell -a 'ls'",
      "ansible-playbook --ssh-common-args='-o ProxyCommand=ls' x.yml",
    ],
    not_match: ["ansible-playbook -i hosts site.yml", "ansible all -m ping", "ansible-galaxy install x"],
  },
  {
    names: "ansible-console ansible-test",
    grammar: "getopt",
    bare: "shell",
    subs: { shell },
    match: ["ansible-console", "ansible-test shell"],
    not_match: ["ansible-test sanity"],
  },
  {
    names: "salt salt-call salt-run salt-cp",
    grammar: "getopt",
    texts: [
      {
        of: "operands",
        refuses: "^(?:cmd|cmdmod|script|salt\\.cmd|ssh|docker|lxc|cron|at|schedule)\\.",
        finds: "shell",
      },
    ],
    match: ["salt-call cmd.run ls", "salt '*' cmd.run ls"],
    not_match: ["salt '*' test.ping", "salt-call state.apply x"],
  },
  {
    names: "puppet facter knife chef-shell chef-client chef-apply cfengine cf-agent cdist bolt rundeck",
    grammar: "words",
    options: { code: "-e --execute -E --exec", exec: "-s --shell", file: "-c --config" },
    subs: {
      "ssh winrm": shell,
      command: { grammar: "words", subs: { run: shell } },
      shell: { grammar: "words", options: { exec: "-s --shell" }, bare: "shell" },
    },
    match: [
      "puppet apply -e 'exec {x:}'",
      "knife exec -E 1",
      "knife ssh x ls",
      "cdist shell -s /bin/sh",
      "bolt command run ls -t x",
    ],
    not_match: ["puppet apply site.pp", "knife node list"],
  },
  {
    names: "terraform tofu terragrunt packer pulumi helm kustomize helmfile",
    grammar: "words",
    options: {
      exec: "--post-renderer -post-renderer --terragrunt-auth-provider-cmd --auth-provider-cmd --exec",
      file: "--terragrunt-tfpath --tf-path -plugin-dir --terragrunt-config --config",
      value: "-var -chdir -f --values",
    },
    subs: { "run-cmd exec": { grammar: "words", follows: "anywhere" } },
    match: [
      "helm upgrade --post-renderer ./x y z",
      "terragrunt plan --terragrunt-auth-provider-cmd=ls",
      "terraform init -plugin-dir=/tmp/x",
    ],
    not_match: [
      "terraform plan -out=tfplan",
      "terraform -chdir=infra plan",
      "helm upgrade --install x ./chart",
      "terraform apply -auto-approve tfplan",
      "packer validate template.pkr.hcl",
    ],
  },
];
