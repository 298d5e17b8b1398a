import { describe, expect, it } from "vitest";
import { buildTree, complete } from "../detail/tree";
import { align } from "./align";
import { diff, readable } from "./diff";

type Shape = [id: string, parent: string, name: string];
const tree = (shapes: Shape[]) => buildTree(shapes.map(([id, parent, name], index) => complete({ span_id: id, parent_span_id: parent, name, kind: "tool", start_ms: index, duration_ms: 1 })));
const rows = (a: Shape[], b: Shape[]) => align(tree(a), tree(b)).map((pair) => `${"  ".repeat(pair.depth)}${pair.a?.span.span_id ?? "-"} ${pair.b?.span.span_id ?? "-"}`);

describe("aligned trees", () => {
  it("meet by kind and name, numbers aside, and keep what only one has in its place", () => {
    expect(rows(
      [["r", "", "run 1"], ["x", "r", "plan"], ["y", "r", "search"], ["z", "r", "search"]],
      [["R", "", "run 2"], ["X", "R", "plan"], ["N", "R", "guard"], ["Y", "R", "search"], ["M", "Y", "fetch"]],
    )).toEqual(["r R", "  x X", "  - N", "  y Y", "    - M", "  z -"]);
  });
  it("hold together when the order differs, and roots of other names", () => {
    expect(rows([["r", "", "old"], ["x", "r", "a"], ["y", "r", "b"]], [["R", "", "new"], ["Y", "R", "b"], ["X", "R", "a"]])).toEqual(["r R", "  x X", "  y Y"]);
    expect(rows([], [["R", "", "new"]])).toEqual(["- R"]);
  });
  it("take linear time for 30,000 spans", () => {
    const large = Array.from({ length: 30_000 }, (_each, index): Shape => [`s${index}`, index === 0 ? "" : `s${index < 130 ? index - 1 : 0}`, `step ${index}`]);
    const [a, b] = [tree(large), tree(large)];
    const before = performance.now();
    expect(align(a, b)).toHaveLength(30_000);
    expect(performance.now() - before).toBeLessThan(1_500);
  });
});

describe("differences of texts", () => {
  const said = (a: string, b: string) => diff(a, b).map((line) => `${{ both: " ", a: "-", b: "+" }[line.side]}${line.text}`);
  it("name the lines that changed", () => {
    expect(said("1\n2\n3\n4", "1\n3\nx\n4")).toEqual([" 1", "-2", " 3", "+x", " 4"]);
    expect(said("", "a")).toEqual(["+a"]);
    expect(said("same", "same")).toEqual([" same"]);
  });
  it("stay bounded for long texts", () => {
    const lines = (word: string) => Array.from({ length: 5_000 }, (_each, index) => `${word} ${index}`).join("\n");
    expect(diff(lines("a"), lines("b"))).toHaveLength(10_000);
  });
  it("read JSON field by field", () => {
    expect(said(readable('{"a":1,"b":2}'), readable('{"a":1,"b":3}'))).toEqual([" {", '   "a": 1,', '-  "b": 2', '+  "b": 3', " }"]);
  });
});
