/** The documents that a retrieval found, in whichever of the known forms its span tells of them. */
import type { SpanDetail } from "@/api/types";
import { parseJson, type Json } from "@/ui/json/model";

export interface FoundDocument {
  id: string;
  text: string;
  score: number | null;
  /** What else is known of it. */
  facts: [string, string][];
}

export interface DocumentList {
  title: string;
  documents: FoundDocument[];
}

type Obj = Record<string, Json>;
const isObject = (value: Json | undefined): value is Obj => typeof value === "object" && value !== null && !Array.isArray(value);

/** OpenInference's flat names: `retrieval.documents.0.document.content`. */
const FLAT = /^(retrieval\.documents|reranker\.input_documents|reranker\.output_documents)\.(\d+)\.document\.(.+)$/;
const TITLES: Record<string, string> = { "retrieval.documents": "Found", "reranker.input_documents": "To be ranked", "reranker.output_documents": "Ranked" };
const TEXTS = ["content", "page_content", "pageContent", "text", "document"];
const LISTS = ["documents", "results", "docs", "chunks", "matches", "nodes", "source_nodes"];
const SCORES = ["score", "relevance_score", "relevanceScore", "similarity"];

export function readDocuments(span: Pick<SpanDetail, "attributes" | "output" | "kind">): DocumentList[] {
  const flat = readFlat(span.attributes);
  if (flat.length > 0) return flat;
  const told = listIn(span.attributes["gen_ai.retrieval.documents"] ?? "") ?? (span.kind === "retriever" ? listIn(span.output) : null);
  return told === null ? [] : [{ title: "Found", documents: told }];
}

function readFlat(attributes: Record<string, string>): DocumentList[] {
  const lists = new Map<string, Map<number, Obj>>();
  for (const [name, value] of Object.entries(attributes)) {
    const match = FLAT.exec(name);
    if (match === null) continue;
    const [, list = "", place = "", field = ""] = match;
    const documents = lists.get(list) ?? new Map<number, Obj>();
    lists.set(list, documents);
    const document = documents.get(Number(place)) ?? {};
    documents.set(Number(place), document);
    document[field] = value;
  }
  return [...lists].map(([list, documents]) => ({
    title: TITLES[list] ?? list,
    documents: [...documents].sort(([a], [b]) => a - b).map(([, document]) => read(document)),
  }));
}

/** A JSON text that is a list of documents, or holds one under a usual name; null for anything else. */
function listIn(text: string): FoundDocument[] | null {
  const parsed = parseJson(text);
  if (!parsed.ok) return null;
  const value = parsed.value;
  const list = Array.isArray(value) ? value : isObject(value) ? LISTS.map((name) => value[name]).find(Array.isArray) : undefined;
  if (list === undefined || list.length === 0) return null;
  const documents = list.map((item) => (typeof item === "string" ? { content: item } : isObject(item) ? unwrapped(item) : {}));
  return documents.every((document) => TEXTS.some((name) => name in document) || "id" in document) ? documents.map(read) : null;
}

/** LlamaIndex keeps the document below `node`, LangChain's wire form below `kwargs`; the score stays outside. */
function unwrapped(item: Obj): Obj {
  for (const name of ["node", "kwargs", "document"]) {
    const inner = item[name];
    if (isObject(inner)) return { ...Object.fromEntries(Object.entries(item).filter(([key]) => key !== name)), ...inner };
  }
  return item;
}

function read(document: Obj): FoundDocument {
  const textName = TEXTS.find((name) => typeof document[name] === "string");
  const scoreName = SCORES.find((name) => document[name] !== undefined && document[name] !== "" && Number.isFinite(Number(document[name])));
  const id = document.id ?? document.id_ ?? document.document_id ?? "";
  const known = new Set([textName, scoreName, "id", "id_", "document_id", "lc", "type"]);
  return {
    id: typeof id === "string" || typeof id === "number" ? String(id) : "",
    text: textName === undefined ? "" : String(document[textName]),
    score: scoreName === undefined || document[scoreName] === null ? null : Number(document[scoreName]),
    facts: Object.entries(document).flatMap(([name, value]) => (known.has(name) || value === null || value === "" ? [] : factsOf(name, value))),
  };
}

/** Metadata is spread, so that its source and title are read like fields. */
function factsOf(name: string, value: Json): [string, string][] {
  const parsed = name === "metadata" && typeof value === "string" ? parseJson(value) : { ok: true as const, value };
  const inner = parsed.ok ? parsed.value : value;
  if (name === "metadata" && isObject(inner)) return Object.entries(inner).map(([key, each]) => [key, shown(each)]);
  return [[name, shown(inner)]];
}

const shown = (value: Json): string => (typeof value === "string" ? value : JSON.stringify(value));
