import { describe, expect, it } from "vitest";
import { buildGraph } from "./graph";
import { buildTree, complete, type TreeSpan } from "./tree";

let clock = 0;
function span(id: string, parent: string, kind: TreeSpan["kind"], name: string, more: Partial<TreeSpan> = {}): TreeSpan {
  return complete({ span_id: id, parent_span_id: parent, name, kind, start_ms: clock++, duration_ms: 10, ...more });
}
const graphOf = (spans: TreeSpan[]) => buildGraph(buildTree(spans));

describe("graph of a trace", () => {
  it("counts steps of one kind and name, with time, cost and failures", () => {
    const graph = graphOf([
      span("r", "", "agent", "planner"),
      span("x", "r", "chain", "glue"),
      span("a", "x", "tool", "search 17"),
      span("b", "x", "tool", "search 18", { status: "error" }),
      span("m", "r", "llm", "chat", { model: "gpt-5", cost_usd: "0.1" }),
      span("n", "a", "llm", "chat again", { model: "gpt-5", cost_usd: "0.2" }),
    ]);
    expect(graph.steps.map(({ name, count, failed, totalMs, costUsd, layer }) => [name, count, failed, totalMs, costUsd, layer])).toEqual([
      ["planner", 1, 0, 10, null, 0],
      ["search #", 2, 1, 20, null, 1],
      ["gpt-5", 2, 0, 20, "0.3", 1],
    ]);
    expect(graph.ways.map(({ from, to, count }) => [from.split("\n")[1], to.split("\n")[1], count])).toEqual([
      ["planner", "search #", 2],
      ["search #", "gpt-5", 1],
      ["planner", "gpt-5", 1],
    ]);
  });
  it("ends where agents call each other in a circle, and counts a wrapped call once", () => {
    const graph = graphOf([
      span("a", "", "agent", "ada"),
      span("b", "a", "agent", "bob"),
      span("c", "b", "agent", "ada"),
      span("w", "c", "llm", "wrapped", { model: "m", wrapper: true }),
      span("m", "w", "llm", "call", { model: "m" }),
    ]);
    expect(graph.steps.map((step) => [step.name, step.count])).toEqual([["ada", 2], ["bob", 1], ["m", 1]]);
    expect(graph.layers).toBe(2);
  });
  it("shows all spans when none is of a telling kind", () => {
    expect(graphOf([span("a", "", "other", "one"), span("b", "a", "chain", "two")]).steps).toHaveLength(2);
  });
  it("is bounded and made in linear time", () => {
    const spans = Array.from({ length: 30_000 }, (_each, index) => span(`s${index}`, index === 0 ? "" : `s${Math.floor(index / 2)}`, "tool", `tool ${String.fromCharCode(97 + (index % 26))}${String.fromCharCode(97 + (Math.floor(index / 26) % 26))}`));
    const before = performance.now();
    const graph = graphOf(spans);
    expect(performance.now() - before).toBeLessThan(2_000);
    expect([graph.steps.length, graph.hidden]).toEqual([200, 26 * 26 - 200]);
  });
});
