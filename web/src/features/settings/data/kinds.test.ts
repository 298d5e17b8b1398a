import { describe, expect, it } from "vitest";
import { rowsOf, same, who } from "./kinds";

describe("what is removed", () => {
  it("is said without what is nothing", () => {
    expect(rowsOf({ spans: 1200, scores: 0, metrics: 2 })).toBe("1,200 spans, 2 data points");
    expect(rowsOf({ spans: 1, media: 1, unheard_of: 1 })).toBe("1 span, 1 media file, 1 unheard_of");
    expect(rowsOf({})).toBe("");
  });

  it("names who asked without an id", () => {
    expect([who("person:1"), who("key:2"), who("local")]).toEqual(["a person", "a virtual key", "the command line"]);
  });

  it("is the same retention whether a field is left out or null", () => {
    expect(same({ traces_days: null }, {})).toBe(true);
    expect(same({ traces_days: 3 }, {})).toBe(false);
  });
});
