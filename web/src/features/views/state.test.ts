import { describe, expect, it } from "vitest";
import { differs, saysSomething, searchOf, stateOf } from "./state";

const SEARCH = { q: "status:error", user_id: "ann", sort: "cost", order: "asc", range: "7d", project: "p", live: "1" };

describe("what a list shows", () => {
  it("is kept without what is no part of a view", () => {
    expect(stateOf(SEARCH, ["time", "name"], true)).toEqual({
      q: "status:error",
      user_id: "ann",
      sort: "cost",
      descending: false,
      range: "7d",
      columns: ["time", "name"],
    });
  });

  it("comes back from a view as it was", () => {
    const state = stateOf(SEARCH, null, true);
    expect(stateOf(searchOf(state), null, true)).toEqual(state);
    const fixed = { from: "2026-01-01T00:00:00.000Z", to: "2026-01-02T00:00:00.000Z" };
    expect(searchOf(stateOf(fixed, null, true))).toMatchObject({ ...fixed, range: undefined });
  });

  it("takes conditions away that a view does not have", () => {
    expect({ ...SEARCH, ...searchOf({}) }).toMatchObject({ q: undefined, user_id: undefined, sort: undefined, range: "7d" });
  });

  it("differs from a view by what the view keeps", () => {
    const view = stateOf(SEARCH, ["time"], true);
    expect(differs(view, SEARCH, ["time"])).toBe(false);
    expect(differs(view, { ...SEARCH, range: "1h" }, ["time"])).toBe(true);
    expect(differs(view, SEARCH, ["time", "name"])).toBe(true);
    const free = stateOf(SEARCH, null, false);
    expect(differs(free, { ...SEARCH, range: "1h" }, ["time"])).toBe(false);
    expect(differs(free, { ...SEARCH, q: "status:ok" }, null)).toBe(true);
  });

  it("knows times as the server writes them", () => {
    const view = { from_at: "2026-01-01T00:00:00Z", to_at: "2026-01-02T00:00:00Z" };
    expect(differs(view, searchOf(view), null)).toBe(false);
  });

  it("is said by the URL itself, or is not", () => {
    expect(saysSomething({ project: "p", range: "1h", view: "v" })).toBe(false);
    expect(saysSomething({ sort: "cost" })).toBe(true);
    expect(saysSomething({ status: ["error"] })).toBe(true);
    expect(saysSomething({ from: "2026-01-01T00:00:00Z" })).toBe(true);
  });
});
