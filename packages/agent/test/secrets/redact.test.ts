import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formsOf, makeRedactor, prepareForms, redactText } from "../../src/secrets/redact.ts";

const bytes = (text: string): Buffer => Buffer.from(text);

/** Redacts a text that arrives in these pieces. */
function redact(secrets: readonly Uint8Array[], pieces: readonly Uint8Array[]): { shown: string; count: number } {
  const redactor = makeRedactor(prepareForms(secrets));
  const parts = pieces.map((piece) => redactor.push(piece));
  return { shown: Buffer.concat([...parts, redactor.end()]).toString("latin1"), count: redactor.count };
}

const SECRET = 'p4ss/w?rd "ü"\nsecond line+';

describe("a secret is masked", () => {
  const encoded = (text: string): string => bytes(text).toString("base64");
  test.each([
    ["as it is", SECRET],
    ["line by line", SECRET.split("\n").join("\n> ")],
    ["in base64", encoded(SECRET)],
    ["in base64 behind one byte", encoded(`x${SECRET}`)],
    ["in base64 behind two bytes", encoded(`user:ab${SECRET}:more`)],
    ["in base64 for URLs", bytes(`xx${SECRET}`).toString("base64url")],
    ["in hex", bytes(SECRET).toString("hex")],
    ["in capital hex", bytes(SECRET).toString("hex").toUpperCase()],
    ["in a URL", encodeURIComponent(SECRET)],
    ["in a URL with small letters", encodeURIComponent(SECRET).replaceAll(/%../g, (e) => e.toLowerCase())],
    ["in a form", new URLSearchParams({ x: SECRET }).toString()],
    ["in JSON", JSON.stringify({ x: SECRET })],
    ["in JSON with escaped slashes", JSON.stringify(SECRET).replaceAll("/", "\\/")],
    ["in ASCII JSON", JSON.stringify(SECRET).replaceAll("ü", "\\u00fc")],
  ])("%s", (_, text) => {
    const { shown, count } = redact([bytes(SECRET)], [bytes(`before ${text} after`)]);
    expect(shown).toMatch(/^before .*\*\*\*[^]* after$/);
    for (const form of formsOf(bytes(SECRET))) expect(shown).not.toContain(form);
    expect(count).toBeGreaterThan(0);
    expect(shown.length).toBeLessThan(60);
  });

  test("in the lines that base64(1) and openssl break it into", () => {
    const long = Buffer.alloc(300, "a secret that is longer than a line ");
    for (const columns of [76, 64]) {
      const lines = long.toString("base64").replaceAll(new RegExp(`.{${columns}}`, "g"), "$&\n");
      // what is left of the last group depends on its padding
      expect(redact([long], [bytes(lines)]).shown.replaceAll(/\*\*\*|\s/g, "").length).toBeLessThan(8);
    }
  });

  test("also where two overlap, with one mark for what both cover", () => {
    expect(redactText([bytes("abcdefgh"), bytes("efghijkl")], "x abcdefghijkl y")).toBe("x *** y");
    expect(redact([bytes("abababab")], [bytes("abababababab")]).shown).toBe("***");
  });
});

test("nothing is held back but what may be the beginning of a secret", () => {
  const redactor = makeRedactor(prepareForms([bytes("12345678")]));
  expect(Buffer.from(redactor.push(bytes("hello\n"))).toString()).toBe("hello\n");
  expect(Buffer.from(redactor.push(bytes("abc1234"))).toString()).toBe("abc");
  expect(Buffer.from(redactor.push(bytes("!"))).toString()).toBe("1234!");
  expect(Buffer.from(redactor.push(bytes("12345678"))).toString()).toBe("***");
});

const letter = fc.constantFrom("a", "b", "\n", "/", "ü", " ");
const secret = fc.string({ unit: letter, minLength: 8, maxLength: 24 });

test("wherever the text is cut, the same is shown, and it holds no form of a secret", () => {
  fc.assert(
    fc.property(
      fc.array(secret, { minLength: 1, maxLength: 3 }),
      fc.array(fc.tuple(fc.string({ unit: letter, maxLength: 9 }), fc.nat()), { maxLength: 6 }),
      fc.array(fc.nat({ max: 300 }), { maxLength: 12 }),
      (secrets, parts, cuts) => {
        const values = secrets.map(bytes);
        const forms = values.flatMap(formsOf);
        const text = Buffer.from(
          parts.map(([plain, n]) => plain + (forms.length === 0 ? "" : forms[n % forms.length]!)).join(""),
          "latin1",
        );
        const at = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
        const pieces = at.slice(1).map((to, i) => text.subarray(at[i], to));
        const { shown } = redact(values, pieces);
        expect(shown).toBe(redact(values, [text]).shown);
        // a mark beside what is left may spell a secret anew only where the secret has a mark in it
        for (const form of forms) expect(shown).not.toContain(form);
      },
    ),
    { numRuns: 2_000 },
  );
});
