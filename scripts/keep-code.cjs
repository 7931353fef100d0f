// Loaded into a program ahead of all else (see pack.mjs): at its end the code of all that it has compiled is kept, with the
// functions that it has called.
const { writeFileSync } = require("node:fs");

process.on("exit", () => {
  const start = Object.values(require.cache).find(({ filename }) => filename.endsWith("/dist/packed/start.cjs"));
  for (const [file, script] of start?.exports.compiled ?? []) {
    writeFileSync(`${file}.code`, script.createCachedData());
  }
});
