import type { SpanDetail } from "@/api/types";

const PATHS: Record<string, string> = { chat: "/v1/chat/completions", embeddings: "/v1/embeddings" };
/** Their requests are forms with files, of which only the fields are recorded. */
const FORMS = /\/(edits|transcriptions|translations)$/;

const pathOf = (span: SpanDetail): string | undefined => span.attributes?.["url.path"] ?? PATHS[span.operation];

/** In single quotes of a POSIX shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A command that sends the recorded request again, with the key left to the reader. */
export function asCurl(span: SpanDetail, gateway: string): string {
  const path = pathOf(span) ?? "/v1/chat/completions";
  return [`curl ${gateway.replace(/\/$/, "")}${path}`, `  -H "Authorization: Bearer $PILOTHOUSE_KEY"`, `  -H "Content-Type: application/json"`, `  -d ${quote(span.input)}`].join(" \\\n");
}

export function canCurl(span: SpanDetail): boolean {
  const path = pathOf(span);
  return path !== undefined && !FORMS.test(path) && span.input.trimStart().startsWith("{");
}
