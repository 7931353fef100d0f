import type { ProgramRow } from "../row.ts";

/** Dot-commands of SQLite's and DuckDB's shell, which take unique beginnings, and functions that leave the database. */
const SQLITE =
  "(?:^|\\n)\\s*\\.(?:sh(?!o)|sy|ou[a-z]*\\s+[\"']?\\||on[a-z]*\\s+(?:[\"']?\\||-[ewx])|im[a-z]*\\s+(?:-\\S+\\s+)*[\"']?\\||exc|lo[a-z]*\\s|re[a-z]*\\s+[\"']?\\||ou[a-z]*\\s+-[ewx]|www|edit)|\\bload_extension\\s*\\(|\\bedit\\s*\\(|\\bfts3_tokenizer\\s*\\(|\\bsystem\\s*\\(|\\bshellfs|read_csv\\w*\\s*\\([^)]*\\|'";

export const databases: readonly ProgramRow[] = [
  {
    names: "sqlite3 sqlite sqlcipher duckdb litecli sqldiff",
    grammar: "long",
    options: { file: "init A", value: "separator newline nullvalue mmap vfs lookaside" },
    texts: [
      { options: "cmd c s", refuses: SQLITE, finds: "shell" },
      { of: "operands", refuses: SQLITE, finds: "shell" },
    ],
    match: [
      "sqlite3 /dev/null '.shell ls'",
      "sqlite3 x.db '.system ls'",
      "sqlite3 x.db '.sy ls'",
      "sqlite3 -cmd '.shell ls' x.db",
      "sqlite3 x.db '.output |ls'",
      "sqlite3 x.db '.once |ls'",
      "sqlite3 x.db '.import |ls x'",
      "sqlite3 x.db .excel",
      "sqlite3 x.db \"select edit(x,'sh')\"",
      "duckdb -c '.shell ls'",
      "sqlite3 x.db '.load ./x.so'",
      ["sqlite3", "x.db", "select 1;\n.sh ls"],
    ],
    not_match: [
      "sqlite3 app.db 'select count(*) from t'",
      "sqlite3 app.db .schema",
      "sqlite3 app.db .show",
      "sqlite3 -json app.db 'select * from shell_history'",
      "sqlite3 app.db '.import data.csv t'",
      "sqlite3 app.db '.output out.txt'",
      "duckdb -c 'select 42'",
      "duckdb app.db 'select * from t'",
    ],
  },
  {
    names: "psql pgcli usql vsql",
    grammar: "getopt",
    options: {
      file: "-f --file",
      value: "-hpUdvFRTL --host --port --username --dbname --set --variable --field-separator",
      flag: "-AaBbeElnqsStwWxXzHV01",
    },
    texts: [
      {
        options: "-c --command",
        refuses:
          "\\\\!|\\\\(?:g|gx|o|w|copy|i|ir|include)\\b[^\\n]*(?:\\||program)|\\bprogram\\b|\\\\set(?:env)?\\b[^\\n]*`|`|\\\\e\\b|\\\\ef\\b",
        finds: "shell",
      },
      { options: "-o --output", refuses: "^\\s*\\|", finds: "shell" },
      { options: "-P --pset", refuses: "pager_?(?!=(?:off|0))", finds: "exec" },
      { options: "-v --set --variable", refuses: "`|EDITOR|PAGER|=.*!", finds: "exec" },
    ],
    match: [
      ["psql", "-c", "\\! ls"],
      ["psql", "-c\\!ls"],
      "psql -c \"COPY x FROM PROGRAM 'ls'\"",
      "psql -o '|ls' -c 'select 1'",
      ["psql", "--command=\\o |ls"],
      "psql --comm='copy x to program $$ls$$'",
      ["psql", "-c", "select 1 \\g |ls"],
    ],
    not_match: [
      "psql -c 'select 1'",
      "psql -f schema.sql app",
      "psql -h db -U app -c 'select * from t where a || b'",
      ["psql", "-c", "\\dt"],
      "psql -P pager=off -c 'select 1'",
    ],
  },
  {
    names: "mysql mariadb mycli mysqlsh mysqladmin mysqldump mysqlimport",
    grammar: "getopt",
    options: {
      exec: "--pager --plugin-dir --default-auth --plugin-load --mysqlsh-pager",
      file: "--defaults-file --defaults-extra-file",
      value: "-hPuDS --host --port --user --database --socket",
      optional: "-p --password",
      code: "--py --js --python --javascript",
      flag: "-NBsrtvEfqA --pager-off",
    },
    texts: [
      {
        options: "-e --execute --init-command",
        refuses: "\\\\[!PTe.]|(?:^|[;\\n])\\s*(?:system|source|pager|tee|edit)\\b",
        finds: "shell",
      },
    ],
    match: [
      ["mysql", "-e", "\\! ls"],
      "mysql --execute='system ls'",
      "mysql -e 'select 1; system ls'",
      "mysql --pager='sh -c ls'",
      ["mysql", "-e\\!ls"],
      "mariadb --exec='pager ls'",
    ],
    not_match: [
      "mysql -e 'select 1' app",
      "mysqldump app",
      "mysql -h db -u root -psecret app",
      "mysql -e 'select system from t'",
    ],
  },
  {
    names:
      "mongo mongosh mongodb redis-cli sqlplus sqlcmd isql cqlsh influx clickhouse-client osqueryi osqueryd tdbtool ldapmodify neo4j-shell cypher-shell arangosh ksql",
    grammar: "long",
    options: { code: "eval", exec: "extension extensions_autoload extensions_socket", file: "f file shell load" },
    texts: [{ of: "operands", refuses: "(?:^|\\n)\\s*(?:host|!|:!!)\\s*\\S|^-$", finds: "shell" }],
    match: ["mongo --eval 'run(\"x\")'", "mongosh --eval 1", "osqueryi --extension ./x", "sqlplus / 'host ls'"],
    not_match: ["redis-cli ping", "mongosh script.js", "osqueryi --json 'select 1'", "redis-cli -h host get x"],
  },
];
