import { describe, expect, it } from "vitest";
import type { SpanDetail } from "@/api/types";
import { axis, buildTree, firstInteresting, visibleRows } from "./tree";

function span(id: string, parent: string, startMs: number, more: Partial<SpanDetail> = {}): SpanDetail {
  return { span_id: id, parent_span_id: parent, start_ms: startMs, duration_ms: 10, status: "ok", kind: "chain", input: "", output: "", attempts: [], ...more } as SpanDetail;
}

const names = (spans: SpanDetail[], folded: string[] = []) => visibleRows(buildTree(spans), new Set(folded)).map((row) => `${"  ".repeat(row.depth)}${row.id}`);

describe("tree", () => {
  it("orders siblings by start and keeps parents first", () => {
    expect(names([span("b", "r", 20), span("a", "r", 10), span("r", "", 0), span("a1", "a", 11)])).toEqual(["r", "  a", "    a1", "  b"]);
  });
  it("leaves nothing out: orphans, own parents, circles", () => {
    const rows = names([span("r", "", 0), span("o", "missing", 1), span("self", "self", 2), span("x", "y", 3), span("y", "x", 4)]);
    expect(rows.map((row) => row.trim()).sort()).toEqual(["o", "r", "self", "x", "y"]);
  });
  it("shows attempts below their span and counts what is folded", () => {
    const attempt = { account: "a", provider: "p", model: "m", start_ms: 0, first_byte_ms: null, end_ms: 5, status: 500 };
    const spans = [span("r", "", 0, { attempts: [attempt] }), span("c", "r", 1), span("d", "c", 2)];
    expect(names(spans)).toEqual(["r", "  r#0", "  c", "    d"]);
    const [row] = visibleRows(buildTree(spans), new Set(["r"]));
    expect(row).toMatchObject({ folded: true, hidden: 2 });
  });
  it("takes linear time for 30,000 spans, also when they hang in one chain", () => {
    const chain = Array.from({ length: 30_000 }, (_span, index) => span(`s${index}`, index === 0 ? "" : `s${index - 1}`, index));
    const flat = Array.from({ length: 30_000 }, (_span, index) => span(`s${index}`, index === 0 ? "" : "s0", 30_000 - index));
    for (const spans of [chain, flat]) {
      const before = performance.now();
      expect(visibleRows(buildTree(spans), new Set())).toHaveLength(30_000);
      // Quadratic work would take many seconds; this leaves room for a slow machine.
      expect(performance.now() - before).toBeLessThan(1500);
    }
  });
});

describe("where to look first", () => {
  it("is the cause of a failure, not what failed because of it", () => {
    const spans = [span("r", "", 0, { status: "error" }), span("a", "r", 1, { status: "error" }), span("b", "a", 2, { status: "error" })];
    expect(firstInteresting(spans)?.span_id).toBe("b");
  });
  it("is the root when it can be read, else the first model call", () => {
    expect(firstInteresting([span("r", "", 0, { input: "hi" }), span("m", "r", 1, { kind: "llm" })])?.span_id).toBe("r");
    expect(firstInteresting([span("r", "", 0), span("m", "r", 1, { kind: "llm" })])?.span_id).toBe("m");
    expect(firstInteresting([])).toBeUndefined();
  });
});

it("puts few round marks on the axis", () => {
  expect(axis(626)).toEqual([0, 200, 400]);
  expect(axis(0)).toEqual([0]);
  for (const total of [3, 42, 999, 12_345, 3.6e6]) expect(axis(total).length).toBeLessThanOrEqual(6);
});
