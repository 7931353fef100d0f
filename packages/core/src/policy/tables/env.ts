/**
 * Names of environment variables that change which code runs, by family. The first row that has a name decides; a name
 * that no row has passes. Names are compared in capitals.
 */
export interface EnvRow {
  /** A regular expression for whole names, in capitals. */
  readonly names: string;
  /** Names among them that are harmless, as a regular expression. */
  readonly passes?: string;
  /** A regular expression for values that are harmless. */
  readonly values?: string;
  /** What it does: "it …". */
  readonly why: string;
  /** `NAME=value`, as the examples of programs. */
  readonly match: readonly string[];
  readonly not_match: readonly string[];
}

const COMPILER =
  "(?:ccache |sccache |distcc )?(?:[a-z0-9_]+-)*(?:gcc|g\\+\\+|clang|clang\\+\\+|cc|c\\+\\+|gfortran|tcc|cpp|ld|lld|as|ar|nm|ranlib|strip|objcopy)(?:-[0-9.]+)?";
/** Options of compilers that load and start nothing. */
const FLAGS =
  '(?:-(?:O[0-3sgz]?|g[0-9]?|ggdb[0-9]?|W[a-z0-9+=-]*|[DU][A-Za-z_]\\w*(?:=[\\w."\'-]*)?|std=[\\w+:]+|f(?!plugin|pass-plugin|use-ld|profile-use|sanitize-blacklist)[a-z0-9-]+(?:=[\\w,+-]+)?|m[a-z0-9.-]+(?:=[\\w.,+-]+)?|pthread|pipe|l[\\w+.-]+|[IL][\\w./-]+|s|static|shared|C (?:opt-level|target-cpu|debuginfo|lto|codegen-units|panic|strip|overflow-checks|debug-assertions|target-feature|embed-bitcode|instrument-coverage)(?:=[\\w,+-]+)?|D [\\w:-]+|A [\\w:-]+|--cfg [\\w="-]+)\\s*)*';
const SYSTEM_PATH =
  "(?:/(?:usr/(?:local/)?)?s?bin|/usr/games|/opt/(?:[\\w.+-]+/)*bin|/nix/var/nix/profiles/default/bin|/snap/bin)/?";

export const envRows: readonly EnvRow[] = [
  {
    names: "PATH",
    values: `${SYSTEM_PATH}(?::${SYSTEM_PATH})*`,
    why: "decides which file a program's name means; only the system's own directories pass",
    match: [
      "PATH=./x:/usr/bin",
      "PATH=:/usr/bin",
      "PATH=$PATH:/tmp/x",
      "PATH=/usr/bin:",
      "PATH=/tmp/x:/usr/bin",
      "PATH=",
    ],
    not_match: ["PATH=/usr/bin", "PATH=/usr/local/bin:/usr/bin:/bin", "MY_PATH=/x"],
  },
  {
    names:
      "(?:LD|DYLD)_.*|GLIBC_TUNABLES|GCONV_PATH|LOCPATH|NLSPATH|HOSTALIASES|RESOLV_HOST_CONF|LOCALDOMAIN|RES_OPTIONS|GETCONF_DIR|TZDIR|MALLOC_.*|MEMTRACE|LIBPATH|SHLIB_PATH|LDR_PRELOAD.*|LSAN_.*|_RLD.*|GMON_OUT_PREFIX|SEGFAULT_.*|PROFIL_.*|TMPPREFIX|LIBC_FATAL_STDERR_|.*_PRELOAD",
    passes: "MALLOC_ARENA_MAX|MALLOC_TRIM_THRESHOLD_|MALLOC_CHECK_|MALLOC_PERTURB_",
    why: "changes what the dynamic loader and the C library load or write",
    match: [
      "LD_PRELOAD=./x.so",
      "LD_LIBRARY_PATH=./x",
      "LD_DEBUG_OUTPUT=/etc/x",
      "DYLD_INSERT_LIBRARIES=x",
      "GCONV_PATH=.",
      "MALLOC_CONF=x",
    ],
    not_match: ["LDAP_HOST=x", "MALLOC_ARENA_MAX=2", "OLD_PATH=x"],
  },
  {
    names:
      "ENV|BASH_.*|BASHOPTS|SHELLOPTS|PS4|PROMPT_COMMAND|CDPATH|IFS|ZDOTDIR|FPATH|FCEDIT|HISTFILE|INPUTRC|SHELL|SHELL_SESSION.*|KSH_.*|MKSHRC|FISH_.*|HOME|USERPROFILE|XDG_.*|COMSPEC|PATHEXT|PSMODULEPATH|BASHRCSOURCED|GLOBIGNORE|MAILCHECK|MAILPATH|MAIL",
    passes: "XDG_SESSION_.*|XDG_CURRENT_DESKTOP|XDG_SEAT|XDG_VTNR|BASH_VERSION",
    why: "names a shell, a file that one reads at its start, or the directory of everybody's settings",
    match: [
      "BASH_ENV=./x",
      "ENV=./x",
      "BASHOPTS=x",
      "CDPATH=/",
      "SHELL=./x",
      "PS4=$(x)",
      "XDG_CONFIG_HOME=./x",
      "HOME=.",
    ],
    not_match: ["ENVIRONMENT=prod", "APP_ENV=test", "HOMEPAGE=x", "SHELLS=x"],
  },
  {
    names: [
      "MAKEOVERRIDES|LDAPCONF|LDAPRC|LDAPNOINIT|.*_SYMBOLIZER_PATH|VALGRIND_LIB|GDBHISTFILE|NROFF|RIPGREP_CONFIG_PATH|BAT_CONFIG_.*|ACKRC",
      "JQ_LIBRARY_PATH|PARALLEL|PARALLEL_(?:HOME|SHELL|SSH)|QUILT_.*|MC_.*|DEBUGINFOD_URLS|VAULT_CONFIG_PATH|SPARK_(?:HOME|CONF_DIR)",
      "HADOOP_(?:HOME|CONF_DIR)|PYSPARK_.*|UWSGI_.*|(?:CHROME|FIREFOX|CHROMIUM|GECKODRIVER|CHROMEDRIVER)_(?:BIN|PATH)|.*_BINARY|SANE_.*",
      "CUPS_.*|ROOTSYS|ROS_PACKAGE_PATH|AMENT_PREFIX_PATH|COLCON_.*|MAXIMA_.*|SAGE_.*|ANDROID_(?:HOME|SDK_ROOT|NDK.*)",
    ].join("|"),
    why: "names programs, plugins or settings of one tool",
    match: [
      "PARALLEL_SHELL=./x",
      "RIPGREP_CONFIG_PATH=./x",
      "JQ_LIBRARY_PATH=./x",
      "CHROME_BIN=./x",
      "VALGRIND_LIB=./x",
    ],
    not_match: ["PARALLELISM=4", "BINARY_NAME=x", "CUDA_VISIBLE_DEVICES=0"],
  },
  {
    names: "NODE_OPTIONS",
    values:
      "(?:--(?:max-old-space-size|max-semi-space-size|stack-trace-limit|unhandled-rejections|dns-result-order|max-http-header-size|stack-size)=[\\w-]+|--(?:enable-source-maps|no-warnings|no-deprecation|trace-[a-z-]+|experimental-vm-modules|experimental-strip-types|throw-deprecation|pending-deprecation|preserve-symlinks|openssl-legacy-provider|expose-gc|disable-warning=\\w+)|\\s+)*",
    why: "gives every node options that load code",
    match: [
      "NODE_OPTIONS=--require ./x.js",
      "NODE_OPTIONS=--import=./x.mjs",
      "NODE_OPTIONS=--max-old-space-size=1 -r ./x",
    ],
    not_match: ["NODE_OPTIONS=--max-old-space-size=4096", "NODE_OPTIONS=--enable-source-maps --no-warnings"],
  },
  {
    names:
      "NODE_.*|TS_NODE.*|BABEL_.*|ELECTRON_.*|COREPACK_.*|DENO_.*|BUN_.*|TSX_.*|ESBUILD_.*|SWC_.*|NVM_.*|VOLTA_.*|FNM_.*|PHANTOMJS_.*|PUPPETEER_.*|PLAYWRIGHT_.*|CHROME_.*|SHARP_.*|NPM_TOKEN_HELPER",
    passes:
      "NODE_ENV|NODE_DEBUG|NODE_NO_WARNINGS|NODE_DISABLE_COLORS|NODE_PENDING_DEPRECATION|NODE_TEST_.*|NODE_APP_INSTANCE|NODE_VERSION|NODE_ICU_DATA|NODE_PORT|NODE_NO_READLINE|NODE_AUTH_TOKEN|NODE_COMPILE_CACHE|NODE_NAME|NODE_CONFIG_ENV|BABEL_ENV|BABEL_DISABLE_CACHE|TS_NODE_TRANSPILE_ONLY|TS_NODE_FILES|TS_NODE_PRETTY|ELECTRON_ENABLE_LOGGING|COREPACK_ENABLE_.*|DENO_NO_.*|PUPPETEER_SKIP_.*|PLAYWRIGHT_SKIP_.*|PLAYWRIGHT_(?:HTML_OPEN|BASE_URL|TEST_.*)|NODE_(?:INDEX|TOTAL|ID)|DENO_DEPLOYMENT_ID|BUN_ENV",
    why: "changes where JavaScript runtimes and their tools find code",
    match: [
      "NODE_PATH=./x",
      "NODE_EXTRA_CA_CERTS=./x",
      "NODE_TLS_REJECT_UNAUTHORIZED=0",
      "NODE_REPL_EXTERNAL_MODULE=./x",
      "ELECTRON_RUN_AS_NODE=1",
      "BUN_INSTALL=./x",
    ],
    not_match: ["NODE_ENV=test", "NODE_DEBUG=http", "BABEL_ENV=test"],
  },
  {
    names: "NPM_CONFIG_.*|YARN_.*|PNPM_.*|NPM_EXECPATH|NPM_NODE_EXECPATH|BOWER_.*|LERNA_.*",
    passes:
      "(?:NPM_CONFIG|PNPM|YARN)_(?:LOGLEVEL|AUDIT|FUND|PROGRESS|COLOR|YES|UPDATE_NOTIFIER|IGNORE_SCRIPTS|OFFLINE|PREFER_OFFLINE|FETCH_.*|MAXSOCKETS|LEGACY_PEER_DEPS|PRODUCTION|OMIT|INCLUDE|SAVE.*|ENGINE_STRICT|STRICT_SSL|PACKAGE_LOCK|CACHE|CACHE_FOLDER|SILENT|JSON|TAG|ACCESS|TIMING|UNICODE|DRY_RUN|FORCE|GLOBAL_FOLDER|ENABLE_.*|NODE_LINKER|HTTP_TIMEOUT|CHECKSUM_BEHAVIOR)",
    why: "sets options of a package manager that name programs, registries and files of settings",
    match: [
      "npm_config_script_shell=./x",
      "NPM_CONFIG_NODE_OPTIONS=x",
      "npm_config_git=./x",
      "npm_config_registry=http://x/",
      "YARN_RC_FILENAME=x",
      "npm_config_userconfig=./x",
    ],
    not_match: ["npm_config_loglevel=error", "NPM_TOKEN=x", "npm_config_audit=false", "YARN_ENABLE_TELEMETRY=0"],
  },
  {
    names: "PYTHONWARNINGS",
    values: "(?:(?:default|error|always|ignore|module|once)(?::[^:,]*:\\w*(?:Warning)?(?:::?\\d*)?)?,?)*",
    why: "imports the modules that its categories name",
    match: ["PYTHONWARNINGS=all:0:antigravity.x:0:0", "PYTHONWARNINGS=ignore::x.y"],
    not_match: ["PYTHONWARNINGS=ignore", "PYTHONWARNINGS=error::DeprecationWarning"],
  },
  {
    names:
      "PYTHON.*|__PYVENV_LAUNCHER__|VIRTUAL_ENV|CONDA_.*|PIP_.*|PIPENV_.*|PIPX_.*|PDM_.*|UV_.*|POETRY_.*|HATCH_.*|RYE_.*|PYENV_.*|PYTEST_ADDOPTS|PYTEST_PLUGINS|PYLINTRC|PYLINTHOME|IPYTHONDIR|JUPYTER_.*|TOX_.*|NOX_.*|MPLBACKEND|MPLCONFIGDIR|MATPLOTLIBRC|SETUPTOOLS_.*|DISTUTILS_.*|NUMBA_.*|CYTHON.*|JYTHON.*|PYPY.*|CELERY_LOADER|DJANGO_CONFIGURATION|EASY_INSTALL.*|TWINE_.*|FLIT_.*|COVERAGE_PROCESS_START|COVERAGE_RCFILE|AIRFLOW_HOME|ANACONDA.*",
    passes:
      "PYTHON(?:UNBUFFERED|DONTWRITEBYTECODE|HASHSEED|IOENCODING|UTF8|FAULTHANDLER|OPTIMIZE|VERBOSE|NOUSERSITE|SAFEPATH|DEVMODE|TRACEMALLOC|ASYNCIODEBUG|COERCECLOCALE|INTMAXSTRDIGITS|NODEBUGRANGES|DEBUG|MALLOC|PROFILEIMPORTTIME|LEGACYWINDOWSSTDIO|_VERSION|_GIL|_COLORS)|PIP_(?:NO_CACHE_DIR|DISABLE_PIP_VERSION_CHECK|NO_INPUT|QUIET|PROGRESS_BAR|ROOT_USER_ACTION|DEFAULT_TIMEOUT|RETRIES|CACHE_DIR|NO_COLOR|REQUIRE_HASHES|REQUIRE_VIRTUALENV|ONLY_BINARY|NO_WARN_SCRIPT_LOCATION|BREAK_SYSTEM_PACKAGES|PREFER_BINARY|USER|NO_DEPS|TIMEOUT)|POETRY_(?:NO_INTERACTION|VIRTUALENVS_.*|CACHE_DIR|INSTALLER_.*|PYPI_TOKEN_.*)|UV_(?:NO_CACHE|CACHE_DIR|OFFLINE|LINK_MODE|FROZEN|LOCKED|NO_PROGRESS|COMPILE_BYTECODE|SYSTEM_PYTHON|CONCURRENT_.*|HTTP_TIMEOUT)|PIPENV_(?:IGNORE_VIRTUALENVS|VENV_IN_PROJECT|NOSPIN|YES)|NUMBA_(?:NUM_THREADS|DISABLE_JIT|CACHE_DIR)|TWINE_(?:USERNAME|PASSWORD|NON_INTERACTIVE)|TOX_PARALLEL_NO_SPINNER|HATCH_(?:VERBOSE|QUIET|NO_COLOR)",
    why: "changes where Python and its tools find code",
    match: [
      "PYTHONPATH=./x",
      "PYTHONSTARTUP=./x",
      "PYTHONBREAKPOINT=os.system",
      "PYTHONINSPECT=1",
      "VIRTUAL_ENV=./x",
      "PIP_CONFIG_FILE=./x",
      "PIP_INDEX_URL=http://x",
      "PYTEST_ADDOPTS=-p x",
      "PYTHONUSERBASE=./x",
    ],
    not_match: [
      "PYTHONUNBUFFERED=1",
      "PYTHONDONTWRITEBYTECODE=1",
      "PYTHONHASHSEED=0",
      "PIP_NO_CACHE_DIR=1",
      "DJANGO_SETTINGS_MODULE=app.settings",
      "PYTEST_XDIST_WORKER_COUNT=2",
    ],
  },
  {
    names:
      "PERL.*|RUBY.*|GEM_.*|BUNDLE_.*|BUNDLER_.*|RAKE.*|IRBRC|PRYRC|SPEC_OPTS|RBENV_.*|RVM_.*|PHPRC|PHP_.*|COMPOSER.*|LUA.*|TCLLIBPATH|TCL_.*|TK_LIBRARY|EXPECT_.*",
    passes:
      "PERL_(?:HASH_SEED|UNICODE|BADLANG|MM_USE_DEFAULT)|GEM_HOST_API_KEY|BUNDLE_(?:JOBS|RETRY|WITHOUT|WITH|DEPLOYMENT|FROZEN|CLEAN|SILENCE_ROOT_WARNING|NO_PRUNE|TIMEOUT)|COMPOSER_(?:NO_INTERACTION|ALLOW_SUPERUSER|MEMORY_LIMIT|CACHE_DIR|PROCESS_TIMEOUT|NO_DEV|DISABLE_XDEBUG_WARN|DISABLE_NETWORK|NO_AUDIT|AUTH)|PHP_(?:CS_FIXER_IGNORE_ENV|IDE_CONFIG|VERSION)|RUBY_VERSION",
    why: "changes where Perl, Ruby, PHP, Lua and Tcl find code",
    match: [
      "PERL5LIB=./x",
      "PERL5OPT=-Mx",
      "PERL5DB=BEGIN{x}",
      "PERLLIB=./x",
      "RUBYOPT=-r./x",
      "RUBYLIB=./x",
      "GEM_HOME=./x",
      "LUA_CPATH=./x",
      "PHPRC=./x",
      "BUNDLE_GEMFILE=./x",
    ],
    not_match: ["BUNDLE_JOBS=4", "COMPOSER_NO_INTERACTION=1", "PERL_HASH_SEED=0", "RAILS_ENV=test"],
  },
  {
    names:
      "R_.*|RSTUDIO.*|JULIA_.*|ERL_.*|ERLANG_.*|ELIXIR_.*|MIX_.*|HEX_.*|REBAR.*|GUILE_.*|SBCL_HOME|CLISP.*|ECLDIR|OCAML.*|CAML.*|OPAM.*|GHC.*|HASKELL_.*|STACK_.*|CABAL_.*|OCTAVE_.*|MATLAB.*|SCHEME.*|CHICKEN_.*|RACKET.*|PLT.*|EMACS.*|SWIPL.*|NIM.*|CRYSTAL_.*|V_.*|ZIG_.*|SWIFT_.*|DART_.*|FLUTTER_.*|PUB_.*|RAKU.*|TEXMF.*|(?:TEX|BIB|BST|MF|MP|PK|GF|TFM|VF|LUA)INPUTS|OPENOUT_ANY|OPENIN_ANY|SHELL_ESCAPE.*",
    passes:
      "MIX_(?:ENV|TARGET|QUIET)|JULIA_(?:NUM_THREADS|DEBUG|NUM_PRECOMPILE_TASKS)|HEX_(?:OFFLINE|API_KEY)|FLUTTER_(?:SUPPRESS_ANALYTICS|VERSION)|R_(?:MAX_.*)|OCAMLRUNPARAM|ELIXIR_VERSION|PUB_ENVIRONMENT|GHCRTS",
    why: "changes where a language's tools find code",
    match: [
      "R_LIBS=./x",
      "JULIA_LOAD_PATH=./x",
      "ERL_AFLAGS=-eval x",
      "OCAMLPARAM=x",
      "TEXMFCNF=./x",
      "EMACSLOADPATH=./x",
      "R_PROFILE_USER=./x",
      "ELIXIR_ERL_OPTIONS=x",
    ],
    not_match: ["MIX_ENV=test", "JULIA_NUM_THREADS=4", "REDIS_URL=redis://localhost"],
  },
  {
    names:
      "JAVA.*|_JAVA.*|JDK_.*|JRE_.*|CLASSPATH|MAVEN_.*|M2_.*|M2|MVN.*|GRADLE_.*|ANT_.*|SBT_.*|SCALA_.*|KOTLIN_.*|GROOVY_.*|CLOJURE.*|LEIN_.*|JRUBY.*|CATALINA_.*|TOMCAT_.*|JBOSS_.*|DOTNET_.*|COMPLUS_.*|CORECLR_.*|COR_.*|NUGET_.*|MSBUILD.*|MONO_.*|OMNISHARP.*|IKVM.*",
    passes:
      "DOTNET_(?:CLI_TELEMETRY_OPTOUT|NOLOGO|SKIP_FIRST_TIME_EXPERIENCE|ENVIRONMENT|SYSTEM_GLOBALIZATION_INVARIANT|CLI_UI_LANGUAGE|GENERATE_ASPNET_CERTIFICATE|RUNNING_IN_CONTAINER|VERSION|GCHEAPHARDLIMIT|TIEREDPGO|WATCH_.*)|NUGET_(?:XMLDOC_MODE|PACKAGES)|JAVA_VERSION|MSBUILDDISABLENODEREUSE|MSBUILDTERMINALLOGGER",
    why: "gives every Java or .NET process options and libraries that are code",
    match: [
      "JAVA_TOOL_OPTIONS=-javaagent:x.jar",
      "_JAVA_OPTIONS=x",
      "JDK_JAVA_OPTIONS=x",
      "JAVA_HOME=./x",
      "CLASSPATH=./x",
      "GRADLE_USER_HOME=/x",
      "MAVEN_OPTS=x",
      "DOTNET_STARTUP_HOOKS=./x.dll",
      "COMPlus_PerfMapEnabled=1",
      "DOTNET_ADDITIONAL_DEPS=./x",
    ],
    not_match: ["DOTNET_NOLOGO=1", "DOTNET_CLI_TELEMETRY_OPTOUT=1", "ASPNETCORE_ENVIRONMENT=Test"],
  },
  {
    names:
      "GIT_PAGER|GIT_EDITOR|GIT_SEQUENCE_EDITOR|PAGER|MANPAGER|EDITOR|VISUAL|GH_PAGER|AWS_PAGER|PSQL_PAGER|DELTA_PAGER|BAT_PAGER|SYSTEMD_PAGER|GH_EDITOR|BROWSER|GH_BROWSER",
    values: "(?:cat|less(?: -[A-Za-z]+)*|more|true|false|:|none|never)?",
    why: "is a line that a shell carries out",
    match: ["PAGER=sh -c x", "GIT_EDITOR=x", "GIT_PAGER=./x", "EDITOR=vi x", "BROWSER=./x"],
    not_match: ["PAGER=cat", "GIT_PAGER=", "GIT_EDITOR=true", "AWS_PAGER=", "PAGER=less -FRX"],
  },
  {
    names: "GIT_TRACE.*",
    values: "[0-2]|true|false|",
    why: "writes to the file that it names",
    match: ["GIT_TRACE=/etc/x", "GIT_TRACE_PACKET=./x"],
    not_match: ["GIT_TRACE=1"],
  },
  {
    names: "GIT_.*|SVN_.*|HG.*|CVS.*|P4.*|BZR.*|DARCS_.*|FOSSIL_.*|JJ_.*|GH_.*|GLAB_.*|LEFTHOOK.*|HUSKY.*|PRE_COMMIT.*",
    passes:
      "GIT_(?:TERMINAL_PROMPT|AUTHOR_(?:NAME|EMAIL|DATE)|COMMITTER_(?:NAME|EMAIL|DATE)|OPTIONAL_LOCKS|ADVICE|DISCOVERY_ACROSS_FILESYSTEM|MERGE_AUTOEDIT|LFS_SKIP_SMUDGE|CONFIG_NOSYSTEM|FLUSH|REFLOG_ACTION|COMMIT|COMMIT_SHA|BRANCH|TAG|SHA|REF|URL|CURL_VERBOSE|HTTP_LOW_SPEED_LIMIT|HTTP_LOW_SPEED_TIME|DEFAULT_HASH|TEST_.*|NO_REPLACE_OBJECTS|PROGRESS_DELAY|CEILING_DIRECTORIES|DEPTH)|HG(?:PLAIN.*|USER|ENCODING)|GH_(?:TOKEN|REPO|HOST|DEBUG|NO_UPDATE_NOTIFIER|PROMPT_DISABLED|FORCE_TTY|ENTERPRISE_TOKEN)|P4(?:USER|PORT|CLIENT)|HUSKY|LEFTHOOK|PRE_COMMIT_COLOR|SVN_(?:USERNAME|REVISION)",
    why: "changes what git and its kin start, and where they find settings, hooks and filters",
    match: [
      "GIT_SSH_COMMAND=x",
      "GIT_CONFIG_COUNT=1",
      "GIT_CONFIG_PARAMETERS=x",
      "GIT_DIR=/x",
      "GIT_EXEC_PATH=.",
      "GIT_ALLOW_PROTOCOL=ext",
      "GIT_TEMPLATE_DIR=./x",
      "GIT_INDEX_FILE=/x",
      "SVN_EDITOR=x",
      "HGRCPATH=./x",
      "CVS_RSH=x",
      "GIT_EXTERNAL_DIFF=x",
    ],
    not_match: ["GIT_TERMINAL_PROMPT=0", "GIT_AUTHOR_NAME=bot", "GIT_OPTIONAL_LOCKS=0", "GH_TOKEN=x"],
  },
  {
    names:
      ".*PAGER|.*EDITOR|.*PAGER_?CMD|LESS.*|LV|MORE|MOST.*|MAN(?:OPT|ROFFOPT|ROFFSEQ|PATH|LESS)|VIM.*|NVIM.*|EXINIT|VIMINIT|NEXINIT|NANO.*|JOERC|TERMINFO.*|TERMCAP|TERM_PROGRAM.*|TERMPATH|LESSKEY.*|.*_ASKPASS|ASKPASS",
    passes: "LESSCHARSET",
    why: "is a program that others start, or its settings",
    match: [
      "LESSOPEN=|x %s",
      "LESSKEY=./x",
      "LESSEDIT=x",
      "VIMINIT=:!x",
      "MANOPT=-Px",
      "TERMINFO=./x",
      "TERMCAP=./x",
      "SYSTEMD_EDITOR=x",
      "SUDO_ASKPASS=x",
      "MORE=x",
      "TERM_PROGRAM=x",
      "NVIM_RPLUGIN_MANIFEST=./x",
    ],
    not_match: ["TERM=dumb", "LESSCHARSET=utf-8", "LANGUAGE=en"],
  },
  {
    names: "MAKEFLAGS|MFLAGS|GNUMAKEFLAGS",
    values:
      "(?:-?[ksiBwrR]+|-j ?\\d*|--(?:jobs(?:=\\d+)?|silent|no-print-directory|keep-going|output-sync(?:=\\w+)?)|\\s+)*",
    why: "gives every make options that are rules",
    match: ["MAKEFLAGS=--eval=x:;ls", "GNUMAKEFLAGS=--eval=x", "MAKEFLAGS=-f /x"],
    not_match: ["MAKEFLAGS=-j8", "MAKEFLAGS=--no-print-directory -s"],
  },
  {
    names:
      "CC|CXX|CPP|LD|AS|AR|NM|FC|F77|F90|RANLIB|STRIP|OBJCOPY|OBJDUMP|HOSTCC|HOSTCXX|(?:CC|CXX|AR|LD|CFLAGS_CC)_[A-Z0-9_]+|BUILD_CC|CC_FOR_BUILD|CXX_FOR_BUILD|LINKER",
    values: `(?:${COMPILER})?`,
    why: "is a program that builds start; only a compiler's own name passes",
    match: ["CC=./x", "CXX=sh -c x", "LD=./x", "AS=./x", "CPP=./x", "CC=/tmp/gcc"],
    not_match: ["CC=gcc", "CC=clang-17", "CXX=ccache g++", "CC=x86_64-linux-gnu-gcc"],
  },
  {
    names:
      "(?:[A-Z]+_)?(?:CFLAGS|CXXFLAGS|CPPFLAGS|LDFLAGS|FFLAGS|FCFLAGS|ASFLAGS|OBJCFLAGS|RUSTFLAGS|RUSTDOCFLAGS|LDLIBS|LIBS|ARFLAGS)|GOFLAGS",
    values: `(?:${FLAGS}|(?:-(?:mod=(?:mod|vendor|readonly)|trimpath|v|race|count=\\d+|tags=[\\w,]+|buildvcs=\\w+|p=\\d+)\\s*)*)`,
    why: "gives compilers options that can load and start code",
    match: [
      "CFLAGS=-fplugin=./x.so",
      "CXXFLAGS=-B./x",
      "LDFLAGS=-fuse-ld=/x",
      "RUSTFLAGS=-C linker=./x",
      "GOFLAGS=-toolexec=x",
      "CFLAGS=-specs=./x",
    ],
    not_match: [
      "CFLAGS=-O2 -Wall -g",
      "RUSTFLAGS=-D warnings",
      "GOFLAGS=-mod=vendor",
      "LDFLAGS=-L/usr/local/lib -lz",
      "CFLAGS=-O3 -march=native -DNDEBUG",
    ],
  },
  {
    names:
      "MAKE|MAKEFILES|MAKE_.*|MAKESHELL|LEX|YACC|BISON.*|FLEX.*|M4.*|AUTOM4TE.*|AUTOCONF.*|AUTOHEADER|AUTOMAKE.*|ACLOCAL.*|AUTORECONF.*|AUTOPOINT|LIBTOOL.*|GTKDOCIZE|PKG_CONFIG.*|CONFIG_SHELL|CONFIG_SITE|CPATH|C_INCLUDE_PATH|CPLUS_INCLUDE_PATH|OBJC_INCLUDE_PATH|LIBRARY_PATH|COMPILER_PATH|GCC_.*|DEPENDENCIES_OUTPUT|SUNPRO_DEPENDENCIES|CCC_.*|CLANG_.*|LLVM_.*|CCACHE_.*|SCCACHE_.*|DISTCC_.*|ICECC_.*|CMAKE_.*|CTEST_.*|MESON_.*|NINJA_.*|SCONS.*|WAF.*|BAZEL.*|CROSS_COMPILE|SDKROOT|DEVELOPER_DIR|INSTALL|.*_WRAPPER|.*_LAUNCHER|.*_LINKER|.*_RUNNER|QEMU_.*|WINE.*|EMSDK.*|EM_.*|NVCC_.*|CUDA_(?:INJECTION.*|HOME|PATH|CACHE_PATH)",
    passes:
      "CCACHE_(?:DIR|DISABLE|MAXSIZE|BASEDIR|COMPRESS.*|NOHASHDIR|SLOPPINESS|READONLY|RECACHE|STATS|NODIRECT)|SCCACHE_(?:DIR|BUCKET|REGION|CACHE_SIZE|GHA_ENABLED|IDLE_TIMEOUT)|CMAKE_(?:BUILD_PARALLEL_LEVEL|BUILD_TYPE|EXPORT_COMPILE_COMMANDS|COLOR_DIAGNOSTICS|GENERATOR|INSTALL_MODE)|CTEST_(?:OUTPUT_ON_FAILURE|PARALLEL_LEVEL|PROGRESS_OUTPUT)|NINJA_STATUS|GCC_COLORS|CLANG_FORMAT_VERSION|MESON_TESTTHREADS|TEST_RUNNER",
    why: "changes which tools a build starts and what they load",
    match: [
      "M4=./x",
      "AUTOM4TE=./x",
      "GCC_EXEC_PREFIX=./x",
      "CCACHE_PREFIX=x",
      "CCACHE_COMPILER=./x",
      "RUSTC_WRAPPER=./x",
      "LIBTOOL=x",
      "PKG_CONFIG_PATH=./x",
      "CPATH=./x",
      "LIBRARY_PATH=./x",
      "CMAKE_C_COMPILER_LAUNCHER=x",
      "CONFIG_SHELL=x",
    ],
    not_match: ["CMAKE_BUILD_PARALLEL_LEVEL=4", "CTEST_OUTPUT_ON_FAILURE=1", "CCACHE_DIR=.ccache", "NINJA_STATUS=x"],
  },
  {
    names: "RUSTUP_TOOLCHAIN",
    values: "(?:stable|beta|nightly|\\d+\\.\\d+(?:\\.\\d+)?)(?:-[\\w-]+)?",
    why: "may be a directory with a compiler of its own",
    match: ["RUSTUP_TOOLCHAIN=/x"],
    not_match: ["RUSTUP_TOOLCHAIN=stable", "RUSTUP_TOOLCHAIN=1.80.0"],
  },
  {
    names: "RUSTC.*|RUSTDOC.*|RUSTUP_.*|RUST_TARGET_PATH|RUST_SRC_PATH|RUSTFMT|CARGO.*|MIRI.*|CLIPPY_.*",
    passes:
      "CARGO_(?:TERM_.*|INCREMENTAL|BUILD_JOBS|NET_.*|PROFILE_.*|HTTP_(?:TIMEOUT|MULTIPLEXING|DEBUG|CHECK_REVOKE)|TARGET_DIR|REGISTRY_TOKEN|PKG_VERSION|UNSTABLE_SPARSE_REGISTRY|BUILD_WARNINGS)|RUSTUP_(?:MAX_RETRIES|IO_THREADS|TERM_.*)|RUSTC_BOOTSTRAP|RUSTC_LOG",
    why: "changes which compiler, linker and runner cargo starts",
    match: [
      "RUSTC=./x",
      "RUSTDOC=./x",
      "CARGO_BUILD_RUSTC_WRAPPER=./x",
      "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=sh",
      "CARGO_HOME=./x",
      "RUSTUP_HOME=./x",
      "CARGO_TARGET_X_LINKER=x",
    ],
    not_match: [
      "CARGO_TERM_COLOR=never",
      "CARGO_INCREMENTAL=0",
      "RUST_LOG=info",
      "RUST_BACKTRACE=1",
      "CARGO_TARGET_DIR=target",
    ],
  },
  {
    names: "GOTOOLCHAIN",
    values: "(?:local|auto|go\\d+(?:\\.\\d+)*(?:\\+auto)?)?",
    why: "chooses the compiler",
    match: ["GOTOOLCHAIN=path"],
    not_match: ["GOTOOLCHAIN=local", "GOTOOLCHAIN=go1.22.1"],
  },
  {
    names:
      "GO(?:ROOT|ROOT_FINAL|PATH|PROXY|SUMDB|NOSUMDB|NOSUMCHECK|INSECURE|ENV|BIN|VCS|TMPDIR|WORK|AUTH|TOOLDIR|CACHEPROG|EXPERIMENT|LDSO|NOPROXY|COVERDIR|FIPS140)|GCCGO.*|GO_EXTLINK_ENABLED|GOLANGCI_.*|CGO_.*|TINYGO.*",
    passes: "CGO_ENABLED|GOLANGCI_LINT_CACHE",
    why: "changes which code and which tools go uses",
    match: ["GOROOT=./x", "GOPROXY=http://x", "GOPATH=/x", "GOENV=./x", "CGO_CFLAGS=-fplugin=x", "GOCACHEPROG=x"],
    not_match: ["GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0", "GOMAXPROCS=2", "GOOGLE_CLOUD_PROJECT=x"],
  },
  {
    names: "NO_PROXY",
    values: "[^]*",
    why: "names hosts that need no proxy",
    match: [],
    not_match: ["NO_PROXY=localhost", "no_proxy=x"],
  },
  {
    names:
      ".*_PROXY|SSH_.*|.*_RSH|RSH|RSYNC_.*|REMOTE_SHELL|TAPE|TAR_.*|GZIP|BZIP.*|XZ_.*|LZMA.*|LZOP|ZIP|ZIPOPT|UNZIP|UNZIPOPT|ZIPINFO.*|ZSTD_.*|LZ4_.*|7Z.*|CURL_HOME|WGETRC|SYSTEM_WGETRC|NETRC|LFTP_.*|FTP_.*|SOCKS.*|TSOCKS.*|PROXYCHAINS.*|SSLKEYLOGFILE|SSL_CERT_.*|.*_CA_BUNDLE|.*_CA_CERTS?|OPENSSL_.*|GNUTLS_.*|GNUPGHOME|GPG_.*|PINENTRY_.*|PKCS11.*|P11_.*|SOFTHSM.*|KRB5.*|SASL_.*|MOSH_.*|AUTOSSH_.*",
    passes:
      "ZSTD_(?:CLEVEL|NBTHREADS)|GPG_TTY|GPG_PASSPHRASE|SSH_(?:USER|HOST|PORT|CLIENT)|FTP_(?:USER|HOST|PASSWORD|PORT)",
    why: "changes through what, and with whose keys and options, others are reached or files packed",
    match: [
      "ALL_PROXY=socks5://x",
      "http_proxy=http://x",
      "SSH_AUTH_SOCK=/x",
      "SSH_ASKPASS=x",
      "RSYNC_RSH=x",
      "RSYNC_CONNECT_PROG=x",
      "BORG_RSH=x",
      "TAPE=h:x",
      "XZ_OPT=-x",
      "GZIP=-x",
      "OPENSSL_CONF=./x",
      "CURL_HOME=./x",
      "GNUPGHOME=./x",
      "TAR_OPTIONS=x",
      "WGETRC=./x",
    ],
    not_match: ["GPG_TTY=/dev/tty1", "SSH_USER=x", "ZIPCODE=1"],
  },
  {
    names:
      "AWS_.*|KUBE.*|K9S.*|HELM_.*|DOCKER_.*|CONTAINER_.*|CONTAINERS_.*|PODMAN_.*|BUILDAH_.*|REGISTRY_AUTH_FILE|TF_.*|TOFU_.*|TERRAGRUNT_.*|TG_.*|PACKER_.*|VAGRANT_.*|ANSIBLE_.*|CHEF_.*|PUPPET_.*|SALT_.*|CLOUDSDK_.*|AZURE_EXTENSION.*|AZURE_CONFIG_DIR|GOOGLE_API_.*COMMAND|CONSUL_.*|NOMAD_.*|BOTO_CONFIG|COMPOSE_(?:FILE|PATH_SEPARATOR|ENV_FILES)|BUILDX_.*|MINIKUBE_.*|SOPS_.*|EKSCTL.*",
    passes:
      "AWS_(?:REGION|DEFAULT_REGION|PROFILE|DEFAULT_PROFILE|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|SECURITY_TOKEN|DEFAULT_OUTPUT|MAX_ATTEMPTS|RETRY_MODE|EC2_METADATA_DISABLED|ROLE_ARN|ROLE_SESSION_NAME|ACCOUNT_ID|STS_REGIONAL_ENDPOINTS|SDK_LOAD_CONFIG|BUCKET|S3_BUCKET|LAMBDA_.*)|KUBERNETES_(?:NAMESPACE|SERVICE_.*)|KUBE_NAMESPACE|HELM_(?:NAMESPACE|DEBUG|KUBECONTEXT|MAX_HISTORY|VERSION)|DOCKER_(?:BUILDKIT|CLI_HINTS|CLI_EXPERIMENTAL|SCAN_SUGGEST|DEFAULT_PLATFORM|TLS_VERIFY|API_VERSION|USERNAME|PASSWORD|TOKEN|REGISTRY|IMAGE|TAG|CONTENT_TRUST|ORG)|TF_(?:IN_AUTOMATION|INPUT|VAR_.*|LOG|LOG_CORE|LOG_PROVIDER|WORKSPACE|TOKEN_.*|CLOUD_.*|CPP_.*|FORCE_.*|ENABLE_.*|STATE_.*|REGISTRY_.*)|ANSIBLE_(?:FORCE_COLOR|NOCOLOR|HOST_KEY_CHECKING|RETRY_FILES_ENABLED|DEPRECATION_WARNINGS|VERBOSITY|FORKS|TIMEOUT|NOCOWS|DIFF_ALWAYS|CHECK_MODE_MARKERS|DISPLAY_.*|REMOTE_USER)|VAGRANT_(?:LOG|NO_COLOR|CHECKPOINT_DISABLE|DEFAULT_PROVIDER)|PACKER_(?:LOG|NO_COLOR)|CLOUDSDK_(?:CORE_PROJECT|COMPUTE_ZONE|COMPUTE_REGION|CORE_DISABLE_PROMPTS)|CONSUL_(?:HTTP_ADDR|HTTP_TOKEN)|NOMAD_(?:ADDR|TOKEN|NAMESPACE)|BUILDX_(?:NO_DEFAULT_ATTESTATIONS|BUILDER)|TG_(?:NON_INTERACTIVE|LOG_LEVEL)|TERRAGRUNT_(?:NON_INTERACTIVE|LOG_LEVEL)",
    why: "names plugins, settings and hosts of tools that run code elsewhere",
    match: [
      "DOCKER_HOST=tcp://x",
      "KUBECONFIG=./x",
      "HELM_PLUGINS=./x",
      "TF_CLI_CONFIG_FILE=./x",
      "TF_PLUGIN_CACHE_DIR=./x",
      "TF_CLI_ARGS=x",
      "ANSIBLE_LIBRARY=./x",
      "AWS_CONFIG_FILE=./x",
      "ANSIBLE_CONFIG=./x",
    ],
    not_match: [
      "AWS_REGION=eu-west-1",
      "TF_IN_AUTOMATION=1",
      "TF_VAR_x=1",
      "DOCKER_BUILDKIT=1",
      "KUBERNETES_NAMESPACE=x",
      "ANSIBLE_FORCE_COLOR=1",
    ],
  },
  {
    names:
      "PSQL.*|PGSERVICEFILE|PGSYSCONFDIR|PGPASSFILE|PGSSL(?:KEY|CERT|ROOTCERT|CRL)|PGLOCALEDIR|PG_CONFIG|MYSQL_(?:HOME|PS1|HISTFILE|GROUP_SUFFIX|TEST_LOGIN_FILE)|LIBMYSQL_.*|MARIADB_PLUGIN.*|SQLITE_HISTORY|ORACLE_HOME|TNS_ADMIN|SQLPATH|REDISCLI_.*|ODBC.*|TDS.*|INFORMIXDIR|DB2INSTANCE",
    why: "names files and programs of database clients",
    match: ["PSQLRC=./x", "PGSERVICEFILE=./x", "PSQL_EDITOR=x", "LIBMYSQL_PLUGIN_DIR=./x"],
    not_match: ["PGUSER=app", "PGPASSWORD=x", "PGHOST=db", "MYSQL_HOST=db", "MYSQL_PWD=x"],
  },
  {
    names:
      ".*_PASSWORD_?COMMAND|.*_PASSCOMMAND|.*PASSPHRASE_COMMAND|.*_COMMAND|.*_CMD|BORG_.*|RESTIC_.*|RCLONE_.*|DUPLICITY_.*",
    passes:
      "BORG_(?:REPO|PASSPHRASE|HOST_ID|RELOCATED_REPO_ACCESS_IS_OK|UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK)|RESTIC_(?:REPOSITORY|PASSWORD|PASSWORD_FILE|CACHE_DIR|PROGRESS_FPS|COMPRESSION|HOST)|RCLONE_(?:VERBOSE|TRANSFERS|CHECKERS|PROGRESS|STATS|LOG_LEVEL|RETRIES|BWLIMIT)",
    why: "is a command that others start, or brings one",
    match: [
      "RESTIC_PASSWORD_COMMAND=x",
      "BORG_PASSCOMMAND=x",
      "RCLONE_PASSWORD_COMMAND=x",
      "RCLONE_CONFIG=./x",
      "MY_COMMAND=x",
    ],
    not_match: ["RESTIC_REPOSITORY=x", "BORG_REPO=x", "RCLONE_TRANSFERS=4"],
  },
  {
    names:
      "QT_.*|QML.*|GTK.*|GDK_.*|GIO_.*|GSETTINGS_.*|GI_TYPELIB_PATH|GST_.*|LADSPA_PATH|LV2_PATH|DSSI_PATH|VST_PATH|FREI0R_PATH|FONTCONFIG_.*|SDL_.*|VK_.*|LIBGL_.*|LIBVA_.*|MESA_LOADER.*|OCL_.*|OPENCL_.*|EGL_.*|__EGL.*|__GLX.*|GBM_.*|ALSA_.*|PULSE_.*|PIPEWIRE_.*|JACK_.*|FFREPORT|FFMPEG_.*|AV_.*|MAGICK_.*|GS_.*|GROFF_.*|TROFF.*|GROFFER.*|MPV_.*|VLC_.*|KDE.*|KDEHOME|IM_MODULE|IBUS_.*|DBUS_.*|SYSTEMD_.*|NOTIFY_SOCKET|SESSION_MANAGER|XAUTHORITY|XENVIRONMENT|XAPPLRESDIR|XFILESEARCHPATH|XUSERFILESEARCHPATH|XLOCALEDIR|DCONF_.*|LIBVIRT_.*|VIRSH_.*|FAKECHROOT.*|FAKEROOT.*|SNAP.*|FLATPAK_.*|APPIMAGE.*|APPDIR|TMUX|STY|SCREENRC|SYSSCREENRC|TMUX_.*",
    passes:
      "QT_(?:QPA_PLATFORM|LOGGING_RULES|SCALE_FACTOR|AUTO_SCREEN_SCALE_FACTOR|DEBUG_PLUGINS)|GDK_(?:BACKEND|SCALE)|SDL_(?:VIDEODRIVER|AUDIODRIVER)|GST_DEBUG|MAGICK_(?:THREAD_LIMIT|MEMORY_LIMIT)|LIBGL_ALWAYS_SOFTWARE|SYSTEMD_(?:COLORS|LOG_LEVEL)|GS_(?:BUCKET)",
    why: "names plugins, drivers, sockets or files of settings that are loaded",
    match: [
      "QT_PLUGIN_PATH=./x",
      "GTK_MODULES=x",
      "GROFF_BIN_PATH=.",
      "FFREPORT=file=/x",
      "MAGICK_CONFIGURE_PATH=./x",
      "DBUS_SESSION_BUS_ADDRESS=unixexec:x",
      "GST_PLUGIN_PATH=./x",
      "LADSPA_PATH=./x",
    ],
    not_match: ["QT_QPA_PLATFORM=offscreen", "DISPLAY=:0", "LIBGL_ALWAYS_SOFTWARE=1"],
  },
  {
    names:
      "NIX_.*|NIXPKGS_.*|GUIX_.*|HOMEBREW_.*|APT_.*|DPKG_.*|DEBUILD_.*|DEB_(?:VENDOR|BUILD_.*)|RPM_.*|RPMBUILD.*|PACMAN.*|MAKEPKG.*|PKG_.*|PORTAGE.*|EPREFIX|CPAN_.*|LUAROCKS_.*|ASDF_.*|MISE_.*|RTX_.*|DIRENV_.*|DEVBOX_.*|FLOX_.*|SDKMAN_.*|PROTO_.*",
    passes:
      "HOMEBREW_(?:NO_.*|VERBOSE|COLOR)|DEB_BUILD_OPTIONS|DPKG_COLORS|NIX_(?:SHOW_STATS|VERBOSITY)|MISE_(?:YES|QUIET|LOG_LEVEL)|PKG_(?:VERSION|NAME)|APT_LISTCHANGES_FRONTEND",
    why: "changes where a package manager finds settings, hooks and sources",
    match: ["NIX_PATH=./x", "APT_CONFIG=./x", "HOMEBREW_BREW_GIT_REMOTE=x", "DPKG_ADMINDIR=x", "MISE_CONFIG_DIR=x"],
    not_match: ["HOMEBREW_NO_AUTO_UPDATE=1", "DEBIAN_FRONTEND=noninteractive"],
  },
  {
    names:
      ".*_OPTIONS|.*_OPTS|.*ARGS|.*_ADDOPTS|.*OPTIONS_FILE|.*_PLUGINS?(?:_PATH|_DIR)?|.*_STARTUP_HOOKS|.*_PROFILER.*|COMMAND_MODE",
    passes: "(?:APP|MY|BUILD|TEST|FEATURE)_OPTIONS|NARGS|POSTGRES_INITDB_ARGS",
    why: "gives a program options that nobody else sees",
    match: ["ASAN_OPTIONS=log_path=/x", "MOCHA_OPTIONS=--require x", "SPRING_OPTS=x", "TEST_ARGS=x"],
    not_match: ["VERBOSE=1", "DEBUG=app:*", "JEST_WORKERS=2", "OPTIONSET=1"],
  },
];
