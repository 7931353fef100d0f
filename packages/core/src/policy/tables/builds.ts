import type { Grammar, ProgramRow } from "../row.ts";

const anywhere: Grammar = { grammar: "getopt", follows: "anywhere" };

/** A compiler as everybody names it: not a path, not a line. */
export const COMPILER =
  "(?:ccache |sccache |distcc )?(?:[a-z0-9_]+-)*(?:gcc|g\\+\\+|clang|clang\\+\\+|cc|c\\+\\+|gfortran|tcc|icx|icpx)(?:-[0-9.]+)?";
const TOOLS =
  "(?:MAKE|[A-Z_]*CC|[A-Z_]*CXX|CPP|LD|AS|AR|NM|RANLIB|STRIP|OBJCOPY|INSTALL|RM|CP|MV|MKDIR|LN|LEX|YACC|FC|F77|F90|MAKEINFO|TEX|TEXI2DVI|WEAVE|TANGLE|GET|CO|[A-Z_]*_LAUNCHER|[A-Z_]*_WRAPPER|[A-Z_]*_PROGRAM)";

/** Variables of CMake that name a program, or a file with rules. */
const CMAKE_TOOL = `\\w*(?:_LAUNCHER|_COMPILER|MAKE_PROGRAM|_EXECUTABLE|_PROJECT\\w*_INCLUDE|_RULE_LAUNCH\\w*|_TOOLCHAIN_FILE|_LINKER|_EMULATOR)(?::\\w+)?=(?!(?:${COMPILER}|ccache|sccache|distcc|cmake/[\\w./-]*|[\\w-]+\\.cmake)?$)`;

const node: Grammar = {
  grammar: "getopt",
  options: {
    file: "-c --config --config-file --config-path --rcfile --plugin --plugins --require -r --import --loader --resolver --parser",
  },
};

/** Builders, compilers, test runners: what they are told to start, and where they take their rules from. */
export const builds: readonly ProgramRow[] = [
  {
    names: "make gmake gnumake mingw32-make remake bmake pmake colormake checkmake",
    grammar: "getopt",
    options: {
      code: "-E --eval",
      file: "-f --file --makefile",
      cwd: "-CI --directory --include-dir",
      value: "-oW --old-file --assume-old --what-if --new-file --assume-new",
      optional: "-jlO --jobs --load-average --output-sync --debug --shuffle",
      flag: "-bBdehikLmnpqrRsStvw",
    },
    texts: [
      {
        of: "operands",
        refuses: "^\\s*(?:MAKE)?\\.?SHELL(?:FLAGS)?\\s*[:+?!]*=|^\\s*(?:GNU)?MAKEFLAGS\\s*[:+?!]*=",
        finds: "shell",
      },
      { of: "operands", refuses: "^[^=]*!=|\\$[({]\\s*(?:shell|eval|file|guile|load|call)\\b", finds: "shell" },
      {
        of: "operands",
        refuses: `^\\s*${TOOLS}\\s*[:+?]*=\\s*(?!(?:${COMPILER}|ar|ld|install|strip|ranlib|nm|as|objcopy)?\\s*$)`,
        finds: "exec",
      },
    ],
    match: [
      ["make", "--eval=$(shell ls)", "."],
      "make --eval 'x:;ls' x",
      "make -E 'x:;ls'",
      "make SHELL=/tmp/x",
      "make all SHELL:=./x",
      "make '.SHELLFLAGS=-c x'",
      "make -f -",
      "make -f /dev/stdin",
      "make --file=/tmp/x.mk",
      "make -C /tmp/x",
      "make 'CC=sh -c ls'",
      "make -e CC=ls",
      "make MAKE=./x",
      "make -I /tmp/x",
      "make 'X!=ls'",
      ["make", "X=$(shell ls)"],
      "make --ev=x",
    ],
    not_match: [
      "make",
      "make -j8",
      "make test VERBOSE=1",
      "make -C sub build",
      "make -f Makefile.ci check",
      "make CC=gcc 'CFLAGS=-O2 -Wall' all",
      "make -B -k -s docs",
      "make CC=clang-17 PREFIX=/usr/local install",
    ],
  },
  {
    names: "ninja samu ninja-build n2",
    grammar: "getopt",
    options: { cwd: "-C", file: "-f", value: "-jklt", flag: "-vndwh" },
    match: ["ninja -C /tmp/x", "ninja -f /tmp/x.ninja"],
    not_match: ["ninja -C build", "ninja -C build -t clean"],
  },
  {
    names: "ctest cpack",
    grammar: "long",
    options: { file: "S SP script config", exec: "build-makeprogram test-command", value: "R E L LE j C D G" },
    match: ["ctest -S /tmp/x.cmake", "ctest --build-and-test a b --test-command sh"],
    not_match: ["ctest --output-on-failure -R unit", "ctest --test-dir build -j8", "cpack -G TGZ"],
  },
  {
    names: "cmake cmake3 ccmake",
    grammar: "long",
    options: {
      rest: "E",
      file: "P C toolchain script",
      cwd: "build",
      exec: "test-command build-makeprogram",
      value: "S B G D T A preset target config j L R output-log",
    },
    texts: [
      { of: "arguments", refuses: `^-D${CMAKE_TOOL}`, finds: "exec" },
      { options: "D", refuses: `^${CMAKE_TOOL}`, finds: "exec" },
    ],
    match: [
      "cmake -E env sh -c ls",
      "cmake -E env A=b bash",
      "cmake -E time sh",
      "cmake -E chdir x sh",
      "cmake -DCMAKE_C_COMPILER=./x .",
      "cmake -D CMAKE_C_COMPILER_LAUNCHER=sh .",
      "cmake -P /tmp/x.cmake",
    ],
    not_match: [
      "cmake -S . -B build -DCMAKE_BUILD_TYPE=Release",
      "cmake --build build --target install",
      "cmake -E make_directory out",
      "cmake -E tar czf out.tgz dist",
      "cmake -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER_LAUNCHER=ccache .",
    ],
  },
  {
    names: "bazel bazelisk buck buck2 pants please-build plz",
    grammar: "words",
    options: {
      exec: "--run_under --workspace_status_command --shell_executable --python_path --host_jvm_args",
    },
    match: ["bazel run --run_under=ls //x", "bazel build --workspace_status_command ls //..."],
    not_match: ["bazel build //...", "bazel test //x:y --test_output=errors"],
  },
  {
    names: "gradle gradlew mvn mvnw mvnd ant sbt mill bloop buildr leiningen",
    grammar: "long",
    options: {
      file: "I init-script b build-file c settings-file f file buildfile gs s settings",
      cwd: "p project-dir",
      value: "D P",
    },
    texts: [
      {
        of: "arguments",
        refuses:
          "^-Dexec\\.(?:executable|args)=|^exec:exec|^-Dmaven\\.ext|^org\\.codehaus\\.mojo:exec-maven-plugin:[^:]*:?exec$",
        finds: "exec",
      },
      { of: "operands", refuses: "^\\s*;?\\s*(?:eval|consoleQuick|console)\\s", finds: "code" },
    ],
    match: ["mvn exec:exec -Dexec.executable=sh", "ant -f /tmp/x/build.xml", "gradle -I /tmp/x.gradle", "sbt 'eval 1'"],
    not_match: [
      "./gradlew assembleDebug",
      "mvn -B verify -DskipTests",
      "ant test",
      "gradle build",
      "sbt test",
      "mvn -f sub/pom.xml test",
    ],
  },
  {
    names:
      "just task go-task invoke inv fab scons waf tox nox mage earthly dagger act xmake premake5 jam b2 tup redo doit pre-commit",
    grammar: "getopt",
    options: {
      exec: "-x --override --shell --shell-arg --command --shell-command --force-python --default-venv-backend",
      file: "-cf --file --justfile --taskfile --tasks --noxfile --sconstruct --conf --config",
      cwd: "-d --dir --working-directory --root",
      value: "-e",
    },
    subs: { "exec execute ex e": anywhere },
    match: [
      "just --shell sh x",
      "tox -x testenv.commands=ls",
      "nox -f /tmp/x.py",
      "scons -f -",
      "tox -c /tmp/x.ini",
      "task execute sh",
      "tox exec -- sh",
    ],
    not_match: ["just build", "tox -e py311", "nox -s tests", "scons -j4", "task build", "pre-commit run --all-files"],
  },
  {
    names: "go tinygo gotip",
    grammar: "long",
    inherit: true,
    options: {
      exec: "exec toolexec vettool",
      cwd: "C",
      file: "overlay modfile",
      value:
        "o run p tags mod ldflags gcflags asmflags gccgoflags buildmode count timeout coverprofile bench benchtime cpu parallel compiler",
    },
    texts: [
      {
        options: "ldflags gcflags asmflags gccgoflags extldflags",
        refuses: "extld=|wrapper|plugin|-specs|fuse-ld|-B",
        finds: "exec",
      },
    ],
    subs: {
      env: { grammar: "long", options: { flag: "w u json" }, texts: [{ of: "operands", refuses: "=", finds: "exec" }] },
      generate: { grammar: "long", options: { exec: "run" } },
      // what follows the package is the program's own
      run: { grammar: "long", follows: "script" },
    },
    match: [
      "go test -exec ls ./...",
      "go run -exec=ls .",
      "go build -toolexec 'sh -c ls' .",
      "go vet -vettool=./x ./...",
      "go build --toolexec=ls .",
      "go build '-ldflags=-linkmode=external -extld=sh' .",
      "go env -w CC=./x",
    ],
    not_match: [
      "go build ./...",
      "go test -race -count=1 -run TestShellExec ./...",
      "go build -trimpath '-ldflags=-s -w -X main.version=1.0' ./cmd/app",
      "go env GOPATH",
      "go generate ./...",
      "go run ./cmd/tool --flag",
      "go run main.go -exec x",
      "go tool cover -html=c.out",
    ],
  },
  {
    names: "cargo cross cargo-nextest maturin",
    grammar: "getopt",
    skips: "^\\+",
    inherit: true,
    options: {
      cwd: "-C",
      file: "--manifest-path --config-file",
      value: "-pjZ --package --bin --example --test --target --features --profile --jobs --message-format --color",
      flag: "-qvhVr",
    },
    texts: [
      {
        options: "--config",
        refuses: "runner|rustc|rustdoc|linker|alias|wrapper|env\\.|credential|registr|source\\.|^[^=]*$",
        finds: "exec",
      },
      { options: "-Z", refuses: "^script", finds: "code" },
      { of: "operands", refuses: "(?:^|=|-C)\\s*linker=|codegen-backend", finds: "exec" },
    ],
    subs: {
      watch: {
        grammar: "getopt",
        options: { exec: "-s --shell", value: "-xwi --exec --watch --ignore" },
        follows: "shell",
      },
      "script eval": { grammar: "getopt", options: { code: "-e --expr" } },
    },
    match: [
      "cargo build --config 'target.x.runner=\"sh\"'",
      "cargo --config 'build.rustc-wrapper=\"./x\"' build",
      "cargo --config 'alias.x=[\"run\"]' x",
      "cargo build --manifest-path /tmp/x/Cargo.toml",
      "cargo -C /tmp/x build",
      "cargo rustc -- -C linker=./x",
      "cargo +nightly -Zscript x.rs",
      "cargo watch -s ls",
      "cargo watch -- sh -c ls",
      "cargo --config ./x.toml build",
    ],
    not_match: [
      "cargo build --release",
      "cargo test --workspace -- --nocapture",
      "cargo clippy -- -D warnings",
      "cargo run --bin server -- --port 0 -c config.toml",
      "cargo +nightly build",
      "cargo --config net.git-fetch-with-cli=true fetch",
      "cargo watch -x check",
    ],
  },
  {
    names: "rustc clippy-driver rustdoc",
    grammar: "getopt",
    options: { value: "-lLo --edition --crate-type --crate-name --extern --emit --target --cfg", flag: "-gOVv" },
    texts: [
      { options: "-C --codegen", refuses: "^\\s*(?:linker|link-args?|linker-flavor)=", finds: "exec" },
      { options: "-Z", refuses: "codegen-backend|llvm-plugins", finds: "exec" },
      { options: "--test-runtool --runtool", refuses: "", finds: "exec" },
    ],
    match: [
      "rustc -C linker=./x y.rs",
      "rustc -Clinker=./x y.rs",
      "rustc --codegen=linker=sh y.rs",
      "rustc -Zcodegen-backend=./x.so y.rs",
    ],
    not_match: ["rustc --edition 2021 -O main.rs -o main", "rustc -C opt-level=3 x.rs"],
  },
  {
    names:
      "gcc g++ cc c++ c89 c99 clang clang++ gfortran gdc gnatmake cpp tcc icc icpc icx icpx mpicc mpicxx mpic++ nvcc hipcc emcc em++ musl-gcc g77 f77 f95 ld ld.gold ld.lld ld.bfd lld mold clang-cl clang-tidy cppcheck xgcc gccgo",
    grammar: "long",
    options: { value: "o I L D U x include isystem std arch target MF MT MQ idirafter T" },
    texts: [
      {
        of: "arguments",
        refuses:
          "^-B|^@|^-{1,2}(?:specs|wrapper|fplugin|fpass-plugin|load|addon|ld-path|ccbin|compiler-bindir|dynamic-linker)(?:=|$)|^-fuse-ld=.*[/ ]|^-{1,2}plugin(?:=|$)|^-Wl,.*(?:plugin|dynamic-linker|specs)|^--clang=|^--(?:gcc-toolchain|config)=/",
        finds: "exec",
      },
    ],
    match: [
      "gcc -wrapper sh,-c,ls x.c",
      "gcc -B./x y.c",
      "gcc @x.rsp",
      "clang -fuse-ld=/tmp/x y.c",
      "gcc -fplugin=./x.so y.c",
      "clang -Xclang -load -Xclang ./x.so y.c",
      "x86_64-linux-gnu-gcc -wrapper sh x.c",
    ],
    not_match: [
      "gcc -O2 -Wall -o app main.c",
      "gcc -c main.c -o main.o -Iinclude",
      "clang -fuse-ld=lld x.c",
      "clang++ -fsanitize=address -g x.cc",
      "gcc -Wl,-rpath,/x y.c",
      "clang-tidy -p build a.cc",
      "ld -o a b.o",
    ],
  },
  {
    names: "java javac kotlinc scalac jar javadoc jdb jlink native-image",
    grammar: "long",
    options: { value: "cp classpath p module-path d source target release jar m" },
    texts: [
      {
        of: "arguments",
        refuses:
          "^-J?(?:-javaagent:|javaagent:|agentpath:|agentlib:(?!jdwp)|XX:OnError|XX:OnOutOfMemoryError|XX:\\+?Flags|Xbootclasspath|XX:VMOptionsFile)|^-J-",
        finds: "exec",
      },
    ],
    match: [
      "java -javaagent:x.jar A",
      "java -XX:OnError=ls A",
      "javac -J-javaagent:./x.jar A.java",
      "java -XX:OnOutOfMemoryError='ls' -jar x.jar",
    ],
    not_match: [
      "java -jar x.jar",
      "java -Xmx2g -cp lib/a.jar Main",
      "javac -d out src/Main.java",
      "kotlinc Main.kt -d m.jar",
    ],
  },
  {
    names: "dotnet mono fsi fsharpi csharp nuget nim zig dart flutter v xcodebuild xcrun swiftc",
    grammar: "words",
    options: { code: "--exec -e --eval: --eval" },
    texts: [{ of: "arguments", refuses: "^--eval:", finds: "code" }],
    subs: { "script fsi": { grammar: "words", options: { code: "--exec eval -e" } } },
    match: ["fsi --exec x.fsx", "nim --eval:1"],
    not_match: ["dotnet build", "dotnet test -c Release", "nim c -r test.nim", "flutter test", "dart test"],
  },
  {
    ...node,
    names:
      "mocha eslint prettier rollup webpack vite vitest stylelint cypress playwright ava tap jasmine karma babel tsup postcss parcel next nuxt storybook gulp grunt nx lerna turbo wdio testcafe svelte-kit astro remix gatsby ng vue-cli-service tsc tsc-watch swc standard xo biome oxlint commitlint release-it semantic-release",
    match: [
      "vitest --config /tmp/x.ts",
      "rollup -c /tmp/x.js",
      "prettier --config /tmp/x.js .",
      "mocha -r ../x.js",
      "cypress run --config-file /tmp/x.js",
    ],
    not_match: [
      "vitest run --reporter=verbose",
      "rollup -c",
      "prettier --check .",
      "mocha --recursive test",
      "eslint src --ext .ts",
      "mocha --require ./setup.js",
    ],
  },
  {
    names: "jest jest-cli",
    grammar: "getopt",
    options: { value: "-t --testNamePattern -c --config", exec: "--runner" },
    texts: [
      { options: "-c --config", refuses: "^\\s*\\{|^/(?!usr/)|^\\.\\./", finds: "exec" },
      {
        options: "--globalSetup --globalTeardown --testRunner --resolver --testEnvironment --transform",
        refuses: "^/(?!usr/)|^\\.\\./",
        finds: "exec",
      },
    ],
    match: ["jest --runner=./x.js", 'jest --config \'{"globalSetup":"./x.js"}\'', "jest -c /tmp/x.js"],
    not_match: ["jest --ci --runInBand", "jest --coverage -t 'spawns sh -c'", "jest --config jest.config.js"],
  },
  {
    names:
      "flake8 pylint mypy black ruff pytest py.test coverage isort bandit pyright sphinx-build mkdocs yapf autopep8 pydocstyle twine behave robot locust nose2 unittest doctest pyinstaller cython alembic celery uvicorn gunicorn hypercorn flask django-admin airflow dbt scrapy jupyter nbconvert papermill streamlit",
    grammar: "getopt",
    options: { file: "--config --config-file --rcfile --settings-path --append-config", value: "-kmW" },
    texts: [
      { options: "--spawner --nbconvert-exec --post-hook --exec-hook", refuses: "", finds: "exec" },
      { options: "-c", refuses: "^/(?!usr/|etc/)|^\\.\\./", finds: "exec" },
    ],
    match: ["flake8 --config=/tmp/x y.py", "pytest -c /tmp/x.ini", "mypy --config-file ../x.ini src"],
    not_match: [
      "pytest -q",
      "pytest tests -k 'not shell'",
      "flake8 src",
      "black --check src",
      "gunicorn -c gunicorn.conf.py app",
      "pytest -c pytest.ini",
    ],
  },
  {
    names: "strip objcopy nm ar ranlib objdump size addr2line install ginstall",
    grammar: "getopt",
    options: { exec: "--strip-program", file: "--plugin", value: "-mogtS --mode --owner --group --target-directory" },
    match: [
      "install -s --strip-program=./x a b",
      "install --strip-program ./x -s a b",
      "nm --plugin /tmp/x.so y",
      "install --strip-p=./x -s a b",
    ],
    not_match: ["install -m 755 app out/app", "strip app", "nm app", "objdump -d app"],
  },
  {
    names: "dpkg-buildpackage debuild pdebuild sbuild gbp dpkg dpkg-deb dpkg-source debsign",
    grammar: "getopt",
    options: { flag: "-ilLrPsSC" },
    texts: [
      {
        of: "arguments",
        refuses:
          "^--(?:hook|[a-z-]*-hook|[a-z-]*-commands?|pre-|post-|root-command|sign-command|check-command|builder|git-[a-z-]*(?:exec|hook|builder|cleaner))[a-z-]*=?",
        finds: "exec",
      },
    ],
    match: [
      "dpkg-buildpackage --hook-build=ls",
      "dpkg --pre-invoke=ls -i x.deb",
      "dpkg --post-invoke=ls -i x.deb",
      "sbuild --pre-build-commands=ls",
    ],
    not_match: ["dpkg -l", "dpkg-deb --build pkg", "dpkg-buildpackage -us -uc"],
  },
];
