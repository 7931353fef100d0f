import { expect, test } from "vitest";
import { chooseRun } from "../../src/daemon/find-run.ts";
import { CommandError } from "../../src/errors.ts";

const ids = ["01JD0000000000000000000001", "01JD0000000000000000000002", "01JE0000000000000000000003"];

test("a beginning that only one run has is enough, in either case", () => {
  expect(chooseRun("01JE", ids)).toBe(ids[2]);
  expect(chooseRun("01je00", ids)).toBe(ids[2]);
});

test("a beginning that several runs have is refused with their ids", () => {
  expect(() => chooseRun("01JD", ids)).toThrow(/run-ambiguous: 2 runs begin with `01JD`: 01JD0000000000000000000001/);
});

test("a beginning that no run has is unknown", () => {
  expect(() => chooseRun("01JF", ids)).toThrow(/run-unknown/);
});

test("less than four characters are a mistake of the command line", () => {
  expect(() => chooseRun("01J", ids)).toThrow(CommandError);
});

test("latest is the newest", () => {
  expect(chooseRun("latest", ids)).toBe(ids[2]);
  expect(() => chooseRun("latest", [])).toThrow(/run-unknown/);
});
