import { expect, it } from "vitest";
import type { BatchView } from "@/api/types";
import { canCancel, isOver, restMs, runMs, sharesOf, toneOf } from "./progress";

const batch = (part: Partial<BatchView>): BatchView => ({
  id: "batch_1",
  status: "in_progress",
  endpoint: "/v1/chat/completions",
  key_id: "k",
  created_at: "2026-01-01T00:00:00Z",
  expires_at: "2026-01-02T00:00:00Z",
  started_at: "2026-01-01T00:00:10Z",
  ended_at: null,
  counts: { total: 100, completed: 20, failed: 5 },
  metadata: {},
  ...part,
});
const NOW = new Date("2026-01-01T00:00:35Z").getTime();

it("tells how much has ended and what the rest will take", () => {
  expect(sharesOf(batch({}).counts)).toEqual({ completed: 0.2, failed: 0.05 });
  expect(sharesOf({ total: 0, completed: 0, failed: 0 })).toEqual({ completed: 0, failed: 0 });
  expect(runMs(batch({}), NOW)).toBe(25_000);
  expect(restMs(batch({}), NOW)).toBe(75_000);
});

it("promises nothing without a pace or past the end", () => {
  expect(restMs(batch({ counts: { total: 9, completed: 0, failed: 0 } }), NOW)).toBeNull();
  expect(restMs(batch({ status: "completed" }), NOW)).toBeNull();
  expect(runMs(batch({ started_at: null }), NOW)).toBeNull();
  expect(runMs(batch({ ended_at: "2026-01-01T00:00:20Z" }), NOW)).toBe(10_000);
});

it("warns of a completed batch with failed lines", () => {
  expect(toneOf(batch({ status: "completed" }))).toBe("warn");
  expect(toneOf(batch({ status: "completed", counts: { total: 2, completed: 2, failed: 0 } }))).toBe("ok");
});

it("knows what is over and what can be cancelled", () => {
  expect(isOver("cancelling")).toBe(false);
  expect(isOver("expired")).toBe(true);
  expect(canCancel("finalizing")).toBe(false);
});
