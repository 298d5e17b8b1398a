import { describe, expect, it } from "vitest";
import type { RevisionView } from "@/api/revisions";
import { changesOf, dryRunOf, EMPTY_DRAFT, progressOf, realOf, stateOf } from "./revision";

const ONE: RevisionView = {
  id: "r",
  kind: "reprice",
  dry_run: true,
  q: "model:gpt-4o*",
  from_at: "2026-11-01T00:00:00Z",
  to_at: "2026-11-08T00:00:00Z",
  state: "running",
  requested_by: "person:1",
  requested_at: "2026-11-08T00:00:00Z",
  started_at: null,
  ended_at: null,
  total: 5000,
  seen: 1200,
  changed: 0,
  left: 0,
  became_priced: 0,
  became_unpriced: 0,
  cost_before_usd: "0",
  cost_after_usd: "0",
  models: [],
  prices: "",
  detail: "",
};

describe("a revision", () => {
  it("is tried dry first, and then done over the very same range", () => {
    const now = new Date("2026-11-08T12:00:00Z");
    expect(dryRunOf({ ...EMPTY_DRAFT, query: " a:b " }, now)).toEqual({ kind: "reprice", q: "a:b", dry_run: true, from_at: "2026-11-01T12:00:00.000Z" });
    expect(dryRunOf({ kind: "remap", range: "all", query: "" }, now)).toEqual({ kind: "remap", q: "", dry_run: true });
    expect(realOf(ONE)).toEqual({ kind: "reprice", from_at: ONE.from_at, to_at: ONE.to_at, q: ONE.q, dry_run: false });
  });

  it("says how far it is and what changes", () => {
    expect(progressOf(ONE)).toBe("1,200 of 5,000 spans");
    expect(progressOf({ ...ONE, state: "done", seen: 5000 })).toBe("5,000 spans");
    expect(changesOf(ONE)).toBe("");
    expect(changesOf({ ...ONE, state: "done" })).toBe("nothing changes");
    expect(changesOf({ ...ONE, changed: 12, became_priced: 3, became_unpriced: 1 })).toBe("12 would change, 3 became priced, 1 became unpriced");
    expect(stateOf(ONE).label).toBe("Looking");
    expect(stateOf({ ...ONE, detail: "away" }).label).toBe("Tries again");
    expect(stateOf({ ...ONE, state: "done" }).label).toBe("Dry run");
    expect(stateOf({ ...ONE, state: "done", dry_run: false }).label).toBe("Done");
  });
});
