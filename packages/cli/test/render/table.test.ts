import { expect, test } from "vitest";
import { style } from "../../src/render/style.ts";
import { table } from "../../src/render/table.ts";

const columns = [{ title: "STAGE" }, { title: "TIME", right: true }, { title: "REASON" }];

test("columns line up, and no line ends in blanks", () => {
  expect(
    table(columns, [
      ["build", "4.2s", ""],
      ["ship-it", "10s", "rejected"],
    ]),
  ).toEqual(["STAGE    TIME  REASON", "build    4.2s", "ship-it   10s  rejected"]);
});

test("colours do not count as width", () => {
  const { red } = style(true);
  const [, line] = table([{ title: "STATUS", paint: (text) => red(text) }, { title: "TIME" }], [["failed", "1s"]]);
  expect(line).toBe("\u001b[31mfailed\u001b[39m  1s");
});

test("without colour nothing is painted", () => {
  expect(style(false).red("failed")).toBe("failed");
});
