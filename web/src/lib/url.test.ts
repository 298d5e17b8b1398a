import { describe, expect, it } from "vitest";
import { readRange, resolveRange } from "./range";
import { list, parseSearch, stringifySearch, text } from "./search";

describe("search parameters", () => {
  it("come back as they were written", () => {
    const search = { model: ["openai/gpt-5", "a b"], text: 'x=1&y "ü"', status: "error" };
    const written = stringifySearch(search);
    expect(written.startsWith("?model=openai/gpt-5&model=a+b&")).toBe(true);
    expect(parseSearch(written)).toEqual(search);
  });
  it("leave out what is empty", () => {
    expect(stringifySearch({ a: undefined, b: "", c: [], d: null })).toBe("");
  });
  it("are read as lists and texts", () => {
    expect(list("a")).toEqual(["a"]);
    expect(list(["a", "", 3])).toEqual(["a"]);
    expect(list(undefined)).toEqual([]);
    expect(text(["a", "b"])).toBeUndefined();
  });
});

describe("time range", () => {
  it("keeps a valid span and refuses the others", () => {
    expect(readRange({ from: "2026-11-01T00:00:00Z", to: "2026-11-02T00:00:00Z", range: "1h" })).toEqual({
      from: "2026-11-01T00:00:00.000Z",
      to: "2026-11-02T00:00:00.000Z",
    });
    expect(readRange({ from: "2026-11-02T00:00:00Z", to: "2026-11-01T00:00:00Z", range: "1h" })).toEqual({ range: "1h" });
    expect(readRange({ from: "yesterday", range: "99y" })).toEqual({});
  });
  it("ends now for a preset", () => {
    const now = Date.parse("2026-11-25T12:00:00Z");
    const range = resolveRange({ range: "15m" }, now);
    expect(range.to.getTime()).toBe(now);
    expect(now - range.from.getTime()).toBe(900_000);
    expect(resolveRange({}, now).preset).toBe("24h");
  });
});
