// Redaction: secrets in all their forms among other text, cut at random. `node scripts/safety-secrets.mjs [SPLITS] [SEED]`
import { randomBytes } from "node:crypto";
import { formsOf, makeRedactor, prepareForms } from "../packages/agent/dist/secrets/redact.js";

const splits = Number(process.argv[2] ?? 1_000_000);
let state = Number(process.argv[3] ?? randomBytes(4).readUInt32LE()) >>> 0;
console.log(`redaction: seed ${state}`);

// mulberry32
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const below = (n) => Math.floor(random() * n);
const LETTERS = Array.from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_-%\\\"'&?.:\n \tü€😀");
/** Few letters, so that secrets overlap with themselves, with each other and with what stands round them. */
function text(length) {
  const letters = random() < 0.5 ? LETTERS : LETTERS.slice(below(60), 62).slice(0, 2 + below(3));
  return Array.from({ length }, () => letters[below(letters.length)] ?? "a").join("");
}

function redact(prepared, pieces) {
  const redactor = makeRedactor(prepared);
  const parts = pieces.map((piece) => redactor.push(piece));
  return Buffer.concat([...parts, redactor.end()]).toString("latin1");
}

const SPLITS_A_TEXT = 100;
let leaks = 0;
let differ = 0;
let masked = 0;
for (let done = 0; done < splits; ) {
  const secrets = Array.from({ length: 1 + below(3) }, () => Buffer.from(text(8 + below(40)))).filter(
    (s) => s.length >= 8,
  );
  const forms = secrets.flatMap(formsOf);
  let whole = "";
  for (let i = 1 + below(4); i > 0; i--)
    whole += Buffer.from(text(below(30))).toString("latin1") + forms[below(forms.length)];
  const bytes = Buffer.from(whole + Buffer.from(text(below(30))).toString("latin1"), "latin1");
  const prepared = prepareForms(secrets);
  const expected = redact(prepared, [bytes]);
  if (expected.includes("***")) masked++;
  for (let i = 0; i < SPLITS_A_TEXT && done < splits; i++, done++) {
    const cuts = Array.from({ length: 1 + below(6) }, () => below(bytes.length + 1)).sort((a, b) => a - b);
    const at = [0, ...cuts, bytes.length];
    const shown = redact(
      prepared,
      at.slice(1).map((to, k) => bytes.subarray(at[k], to)),
    );
    if (forms.some((form) => shown.includes(form))) leaks++;
    if (shown !== expected) differ++;
  }
}
console.log(`redaction: ${leaks} leaks in ${splits} random splits; ${differ} differ from the uncut text`);
if (leaks > 0 || differ > 0 || masked === 0) process.exitCode = 1;
