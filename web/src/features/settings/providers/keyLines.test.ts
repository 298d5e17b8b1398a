import { describe, expect, it } from "vitest";
import { readKeys } from "./keyLines";

describe("the keys of an account", () => {
  it("are one a line, with or without a weight", () => {
    expect(readKeys("sk-a")).toEqual([{ weight: 1, share: 1 }]);
    expect(readKeys("3 sk-a\n\n  1  sk-b  \n")).toEqual([
      { weight: 3, share: 0.75 },
      { weight: 1, share: 0.25 },
    ]);
    expect(readKeys(" \n")).toEqual([]);
  });
  it("are refused where a line is none", () => {
    for (const text of ["sk-a sk-b", "0 sk-a", "-1 sk-a", "1.5 sk-a", "1 2 sk-a", "1001 sk-a", "sk-a\nb c"]) expect(readKeys(text), text).toBeNull();
  });
});
