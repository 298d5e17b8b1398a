import { expect, it } from "vitest";
import type { LogView } from "@/api/types";
import { arrivals, hasConditions, levelWord, lineOf, readFilter, toneOf, writeFilter } from "./logs";

const log = (id: string, more: Partial<LogView> = {}): LogView => ({ id, trace_id: "", span_id: "", at: `2026-11-28T10:00:0${id}Z`, name: "", severity: 9, severity_text: "", body: "", attributes: {}, resource: {}, scope_name: "", ...more });

it("names OpenTelemetry's numbers", () => {
  expect([0, 1, 8, 9, 12, 16, 17, 24].map(levelWord)).toEqual(["none", "trace", "debug", "info", "info", "warn", "error", "fatal"]);
  expect([9, 13, 21].map(toneOf)).toEqual(["unknown", "warn", "error"]);
});

it("keeps its conditions in the address, and drops what is no level", () => {
  const search = { text: "broke", severity: "warn", service: ["a", "b"], name: undefined };
  expect(writeFilter(readFilter(search))).toEqual(search);
  expect(hasConditions(readFilter({ severity: "loud" }))).toBe(false);
  expect(hasConditions(readFilter(search))).toBe(true);
});

it("shows one line", () => {
  expect(lineOf(log("1", { body: "a\n  b" }))).toBe("a b");
  expect(lineOf(log("1", { name: "event" }))).toBe("event");
});

it("keeps what arrives once, newest first, and tells when it was too much", () => {
  const first = arrivals({ shown: [log("1")], waiting: [log("2")] }, [log("3")], [log("5"), log("4"), log("3"), log("2")], 10);
  expect(first.waiting.map((each) => each.id)).toEqual(["5", "4", "2"]);
  expect(first.missed).toBe(false);
  const before = { shown: [], waiting: first.waiting };
  expect(arrivals(before, [], [log("5")], 10).waiting).toBe(first.waiting);
  expect(arrivals(before, [], [log("6")], 3)).toMatchObject({ missed: true });
});
