import { describe, expect, it } from "vitest";
import type { TraceSummary } from "@/api/types";
import { conditionCount, fits, parseDuration, readFilter, writeFilter } from "./filter";

const TRACE: TraceSummary = {
  trace_id: "ab".repeat(16),
  name: "chat",
  started_at: "2026-11-25T12:00:00Z",
  duration_ms: 1200,
  ttft_ms: null,
  tokens_per_s: null,
  status: "ok",
  error_code: "",
  http_status: 200,
  models: ["gpt-5", "gpt-5-mini"],
  providers: [],
  key_ids: ["k1"],
  user_id: "u1",
  session_id: "",
  span_count: 1,
  call_count: 1,
  streamed: false,
  usage: {},
  cost_usd: null,
  unpriced_count: 0,
  input_preview: "What is the Refund policy?",
  output_preview: "",
};

describe("the filter in the URL", () => {
  it("comes back as it was written", () => {
    const search = { model: ["a/b"], status: ["error"], text: "refund", min_ms: "1500", sort: "cost", order: "asc" };
    expect(writeFilter(readFilter(search))).toEqual({ ...search, key_id: undefined, user_id: undefined, session_id: undefined });
  });
  it("drops what makes no sense", () => {
    const filter = readFilter({ status: ["odd", "ok"], min_ms: "-3", sort: "colour" });
    expect(filter.statuses).toEqual(["ok"]);
    expect(filter.minDurationMs).toBeUndefined();
    expect(filter.sort).toBe("started_at");
    expect(conditionCount(filter)).toBe(1);
  });
});

describe("fits", () => {
  const matches = (search: Record<string, unknown>) => fits(TRACE, readFilter(search));
  it.each([
    [{}, true],
    [{ model: ["gpt-5-mini", "x"] }, true],
    [{ model: ["x"] }, false],
    [{ status: ["error"] }, false],
    [{ key_id: ["k1"] }, true],
    [{ user_id: "u2" }, false],
    [{ text: "refund" }, true],
    [{ text: "abab" }, true],
    [{ text: "nothing" }, false],
    [{ min_ms: "1201" }, false],
  ] as const)("%o is %s", (search, expected) => expect(matches(search)).toBe(expected));
});

it("reads durations as people write them", () => {
  expect(["800", "800ms", "1.5s", "2 min", "1m"].map(parseDuration)).toEqual([800, 800, 1500, 120_000, 60_000]);
  expect(["", "abc", "-1s", "1h"].map(parseDuration)).toEqual([null, null, null, null]);
});
