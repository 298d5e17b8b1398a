import type { SpanDetail } from "@/api/types";

const PATHS: Record<string, string> = { chat: "/v1/chat/completions", embeddings: "/v1/embeddings" };

/** In single quotes of a POSIX shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A command that sends the recorded request again, with the key left to the reader. */
export function asCurl(span: SpanDetail, gateway: string): string {
  const path = PATHS[span.operation] ?? "/v1/chat/completions";
  return [`curl ${gateway.replace(/\/$/, "")}${path}`, `  -H "Authorization: Bearer $PILOTHOUSE_KEY"`, `  -H "Content-Type: application/json"`, `  -d ${quote(span.input)}`].join(" \\\n");
}

export function canCurl(span: SpanDetail): boolean {
  return span.operation in PATHS && span.input.trimStart().startsWith("{");
}
