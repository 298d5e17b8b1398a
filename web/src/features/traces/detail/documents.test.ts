import { describe, expect, it } from "vitest";
import { readDocuments } from "./documents";

const span = (more: Partial<Parameters<typeof readDocuments>[0]>) => ({ attributes: {}, output: "", kind: "retriever" as const, ...more });

describe("documents of a retrieval", () => {
  it("are read from OpenInference's flat names, in their order", () => {
    const attributes = {
      "retrieval.documents.10.document.content": "eleventh",
      "retrieval.documents.2.document.content": "third",
      "retrieval.documents.2.document.id": "d3",
      "retrieval.documents.2.document.score": "0.75",
      "retrieval.documents.2.document.metadata": '{"source": "harbour.md", "page": 4}',
      "reranker.output_documents.0.document.content": "best",
    };
    expect(readDocuments(span({ attributes, kind: "chain" as never }))).toEqual([
      {
        title: "Found",
        documents: [
          { id: "d3", text: "third", score: 0.75, facts: [["source", "harbour.md"], ["page", "4"]] },
          { id: "", text: "eleventh", score: null, facts: [] },
        ],
      },
      { title: "Ranked", documents: [{ id: "", text: "best", score: null, facts: [] }] },
    ]);
  });
  it("are read from the output of a retriever, of LangChain and LlamaIndex too", () => {
    const read = (value: unknown) => readDocuments(span({ output: JSON.stringify(value) }))[0]?.documents.map(({ text, score }) => [text, score]);
    expect(read([{ page_content: "a", metadata: {} }, { page_content: "b" }])).toEqual([["a", null], ["b", null]]);
    expect(read([{ node: { text: "a" }, score: 0.5 }])).toEqual([["a", 0.5]]);
    expect(read({ documents: [{ kwargs: { page_content: "a" } }] })).toEqual([["a", null]]);
    expect(read(["one", "two"])).toEqual([["one", null], ["two", null]]);
  });
  it("are read from the attribute of OpenTelemetry", () => {
    expect(readDocuments(span({ attributes: { "gen_ai.retrieval.documents": '[{"id": "x", "score": 0.9}]' }, kind: "other" }))[0]?.documents).toEqual([{ id: "x", text: "", score: 0.9, facts: [] }]);
  });
  it("are not seen in what is none", () => {
    for (const output of ["", "text", "[]", "[1, 2]", '{"answer": 1}', '[{"role": "user"}]']) expect(readDocuments(span({ output }))).toEqual([]);
    expect(readDocuments(span({ output: '["a"]', kind: "tool" }))).toEqual([]);
  });
});
