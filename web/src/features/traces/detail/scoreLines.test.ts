import { describe, expect, it } from "vitest";
import type { ScoreDetail as Score } from "@/api/types";
import { buildTree, complete } from "./tree";
import { scoreLines, valueOf } from "./scoreLines";

const score = (changes: Partial<Score>): Score => ({
  id: "s", trace_id: "t", span_id: "", session_id: "", name: "quality", type: "numeric", number: 0.5, text: "", comment: "", source: "api", author: "",
  at: "2026-01-31T09:30:00Z", environment: "", metadata: {}, ...changes,
});
const tree = buildTree([complete({ span_id: "a", name: "answer", kind: "llm", start_ms: 0, duration_ms: 1 })]);

describe("scores", () => {
  it("says each kind of value in words", () => {
    expect(valueOf(score({ number: 1 / 3 }))).toBe("0.3333");
    expect(valueOf(score({ type: "boolean", number: 1 }))).toBe("true");
    expect(valueOf(score({ type: "boolean", number: 0 }))).toBe("false");
    expect(valueOf(score({ type: "categorical", number: null, text: "great" }))).toBe("great");
  });

  it("puts those of the whole trace first, and names the span of the others", () => {
    const lines = scoreLines([score({ id: "1", span_id: "a", name: "a" }), score({ id: "2", name: "z" }), score({ id: "3", name: "b" })], tree);
    expect(lines.map((line) => [line.id, line.spanId])).toEqual([["3", undefined], ["2", undefined], ["1", "a"]]);
    expect(lines[2]?.about).toContain("of answer");
  });

  it("leads nowhere when the span is not here", () => {
    expect(scoreLines([score({ span_id: "gone" })], tree)[0]?.spanId).toBeUndefined();
  });

  it("tells comment and author", () => {
    expect(scoreLines([score({ comment: "so so", author: "ada", source: "annotation" })], buildTree([]))[0]?.about).toBe("so so\nby ada (annotation)\n2026-01-31T09:30:00Z");
  });
});
