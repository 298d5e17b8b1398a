import { describe, expect, it } from "vitest";
import { axis, buildTree, complete, findInTree, firstInteresting, foldedTo, revealing, visibleRows, withAncestors, type TreeSpan } from "./tree";

function span(id: string, parent: string, startMs: number, more: Partial<TreeSpan> = {}): TreeSpan {
  return complete({ span_id: id, parent_span_id: parent, name: id, start_ms: startMs, duration_ms: 10, kind: "chain", ...more });
}

const names = (spans: TreeSpan[], folded: string[] = []) => visibleRows(buildTree(spans), new Set(folded)).map((row) => `${"  ".repeat(row.depth)}${row.id}`);

describe("tree", () => {
  it("orders siblings by start and keeps parents first", () => {
    expect(names([span("b", "r", 20), span("a", "r", 10), span("r", "", 0), span("a1", "a", 11)])).toEqual(["r", "  a", "    a1", "  b"]);
  });
  it("leaves nothing out: orphans, own parents, circles", () => {
    const rows = names([span("r", "", 0), span("o", "missing", 1), span("self", "self", 2), span("x", "y", 3), span("y", "x", 4)]);
    expect(rows).toEqual(["r", "o", "self", "x", "  y"]);
    // A tail that hangs on a circle, and a circle that is met from its tail.
    expect(names([span("t", "x", 0), span("x", "y", 3), span("y", "z", 4), span("z", "x", 5)])).toEqual(["x", "  t", "  z", "    y"]);
  });
  it("finds the parent that comes later", () => {
    expect(names([span("late", "p", 5), span("p", "r", 9), span("r", "", 0)])).toEqual(["r", "  p", "    late"]);
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
    const circle = [...chain.slice(1), span("s0", "s29999", 0)];
    for (const spans of [chain, flat, circle]) {
      const before = performance.now();
      expect(visibleRows(buildTree(spans), new Set())).toHaveLength(30_000);
      // Quadratic work would take many seconds; this leaves room for a slow machine.
      expect(performance.now() - before).toBeLessThan(1500);
    }
  });
});

describe("folding and finding", () => {
  const spans = [span("r", "", 0), span("a", "r", 1, { name: "plan" }), span("b", "a", 2, { model: "gpt-5" }), span("c", "b", 3), span("d", "r", 4, { status: "error", error_code: "timeout" })];
  const tree = buildTree(spans);
  const ids = (rows: ReturnType<typeof visibleRows>) => rows.map((row) => row.id);
  it("shows as many levels as asked for", () => {
    expect(ids(visibleRows(tree, foldedTo(tree, 1)))).toEqual(["r"]);
    expect(ids(visibleRows(tree, foldedTo(tree, 2)))).toEqual(["r", "a", "d"]);
    expect(ids(visibleRows(tree, foldedTo(tree, Infinity)))).toEqual(["r", "a", "b", "c", "d"]);
  });
  it("opens just the folds above a span", () => {
    const node = tree.byId.get("c");
    expect(node).toBeDefined();
    if (node === undefined) return;
    const folded = new Set(["r", "a", "c", "d"]);
    expect([...revealing(folded, node)]).toEqual(["c", "d"]);
    const open = new Set(["d"]);
    expect(revealing(open, node)).toBe(open);
  });
  it("finds by name, model, error and status, and shows the way there", () => {
    const found = (text: string) => [...findInTree(tree, text)].map((node) => node.span.span_id);
    expect([found("PLAN"), found("gpt"), found("time"), found("error"), found("ok").length, found("zz")]).toEqual([["a"], ["b"], ["d"], ["d"], 4, []]);
    expect(ids(visibleRows(tree, new Set(), withAncestors(findInTree(tree, "gpt"))))).toEqual(["r", "a", "b"]);
  });
});

describe("where to look first", () => {
  it("is the cause of a failure, not what failed because of it", () => {
    const spans = [span("r", "", 0, { status: "error" }), span("a", "r", 1, { status: "error" }), span("b", "a", 2, { status: "error" })];
    expect(firstInteresting(buildTree(spans))?.span_id).toBe("b");
  });
  it("is the root when it can be read, else the first model call", () => {
    expect(firstInteresting(buildTree([span("r", "", 0, { has_body: true }), span("m", "r", 1, { kind: "llm" })]))?.span_id).toBe("r");
    expect(firstInteresting(buildTree([span("r", "", 0), span("m", "r", 1, { kind: "llm" })]))?.span_id).toBe("m");
    expect(firstInteresting(buildTree([]))).toBeUndefined();
  });
});

it("puts few round marks on the axis", () => {
  expect(axis(626)).toEqual([0, 200, 400]);
  expect(axis(0)).toEqual([0]);
  for (const total of [3, 42, 999, 12_345, 3.6e6]) expect(axis(total).length).toBeLessThanOrEqual(6);
});
