import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { readCodes } from "./codes";

it("reads every code of the documentation", () => {
  const source = readFileSync(new URL("../../../../docs/reference/errors.md", import.meta.url), "utf8");
  const rows = readCodes(source);
  expect(rows.length).toBe(source.split("\n").filter((line) => line.startsWith("| <a id")).length);
  expect(rows.find((row) => row.code === "key_unknown")).toMatchObject({ status: "401", actor: "caller", retry: "no" });
});
