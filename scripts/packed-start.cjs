// What the programs in `bin` start from: a copy lies beside each program's packed files. Those are compiled from the code
// that V8 kept of them when they were built (FILE.code, see pack.mjs). Where another version of V8 made it, or there is
// none, V8 compiles the file as ever.
const { readFileSync } = require("node:fs");
const { createRequire, wrap } = require("node:module");
const path = require("node:path");
const { Script } = require("node:vm");

/** What each packed file was compiled to, by its path: pack.mjs keeps its code. */
const compiled = new Map();

require.extensions[".cjs"] = (module, filename) => {
  const script = new Script(wrap(readFileSync(filename, "utf8")), { filename, cachedData: codeOf(filename) });
  compiled.set(filename, script);
  const main = script.runInThisContext();
  main.call(module.exports, module.exports, createRequire(filename), module, filename, path.dirname(filename));
};

function codeOf(filename) {
  try {
    return readFileSync(`${filename}.code`);
  } catch {
    return undefined;
  }
}

exports.compiled = compiled;
require("./main.cjs");
