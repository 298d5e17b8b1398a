import { expect, it } from "vitest";
import { safeNext } from "./next";

it("leads only to pages of this UI", () => {
  expect(safeNext("/traces?range=1h")).toBe("/traces?range=1h");
  for (const bad of ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "", undefined]) expect(safeNext(bad)).toBe("/");
});
