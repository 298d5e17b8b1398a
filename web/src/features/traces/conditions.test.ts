import { describe, expect, it } from "vitest";
import type { TraceSummary } from "@/api/types";
import { choosing, chosen, leastMs, parseDuration, tellable, withLeast } from "./conditions";

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

describe("conditions in the text", () => {
  it.each([
    ["status:error", ["error"]],
    ["refund status=error model:x", ["error"]],
    ["status:(error OR cancelled)", ["error", "cancelled"]],
    ['status:"error"', ["error"]],
    ["status:(error OR can*)", ["error", "can*"]],
    ["status!=error", []],
    ["-status:error", []],
    ["NOT status:error", []],
    ["status:error OR model:x", []],
    ["(status:error)", []],
    ['"status:error"', []],
    ["status:", []],
    ["", []],
  ])("%s asks for %o", (query, values) => expect(chosen(query, "status")).toEqual(values));

  it("are known by all their names", () => {
    expect(chosen("user_id:ada key_id:k", "user")).toEqual(["ada"]);
    expect(chosen("user_id:ada key_id:k", "key")).toEqual(["k"]);
    expect(["latency:>=2s", "duration_ms>=800", "latency:>2s", "latency<1s"].map(leastMs)).toEqual([2000, 800, undefined, undefined]);
  });

  it.each([
    [undefined, ["error"], "status:error"],
    ["refund", ["error", "ok"], "refund status:(error OR ok)"],
    ["refund status:ok latency:>1s", ["error"], "refund status:error latency:>1s"],
    ["status:ok", [], undefined],
    ["a AND status:ok AND b", [], "a AND b"],
    ["status:ok AND b", [], "b"],
    ["a OR b", ["ok"], "(a OR b) status:ok"],
    ["a OR b", [], "a OR b"],
    ["status:can*", ["can*", "ok"], "status:(can* OR ok)"],
  ])("%s with %o is %s", (query, values, written) => expect(choosing(query, "status", values)).toBe(written));

  it("are written so that they are read as they are", () => {
    const names = ["a b", 'say "x"', "gpt-*x", "OR", "a\\b", "x(y)", ":b"];
    const query = choosing("words", "model", names);
    expect(query).toBe('words model:("a b" OR "say \\"x\\"" OR "gpt-*x" OR "OR" OR "a\\\\b" OR "x(y)" OR :b)'.replace('"a\\\\b"', "a\\b"));
    expect(chosen(query, "model")).toEqual(names);
  });

  it("have a least latency", () => {
    expect(withLeast("refund", 2000)).toBe("refund latency:>=2s");
    expect(withLeast("duration>=2s refund", 450)).toBe("latency:>=450ms refund");
    expect(withLeast("refund latency:>=2s", undefined)).toBe("refund");
  });
});

describe("what the live tail can tell", () => {
  it.each([
    [undefined, true],
    ["model:(gpt-5-mini OR x)", true],
    ["model:x", false],
    ["status:error", false],
    ["key_id:k1 user:u1", true],
    ["user:u2", false],
    ["refund", true],
    ['"the refund"', true],
    ["abab", true],
    ["policy nothing", false],
    ["latency:>=1s", true],
    ["latency:>=1201", false],
  ])("%s is %s", (query, expected) => expect(tellable(query)?.(TRACE)).toBe(expected));
  it.each(["a OR b", "-a", "NOT a", "tag:x", "model:gpt-*", "gpt*", "status!=ok", "cost>1", "(a)", "has:error"])("%s only the server can", (query) => expect(tellable(query)).toBeNull());
});

it("reads durations as people write them", () => {
  expect(["800", "800ms", "1.5s", "2 min", "1m"].map(parseDuration)).toEqual([800, 800, 1500, 120_000, 60_000]);
  expect(["", "abc", "-1s", "1h"].map(parseDuration)).toEqual([null, null, null, null]);
});
