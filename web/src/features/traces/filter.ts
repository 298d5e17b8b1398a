/** The trace list's query and order as they stand in the URL. */
import type { TraceQuery } from "@/api/queries";
import type { SortField } from "@/api/types";
import { written } from "@/lib/query";
import { list, text } from "@/lib/search";
import { choosing, withLeast } from "./conditions";

const SORTS: readonly SortField[] = ["started_at", "duration", "ttft", "tokens", "cost"];

/** Parameters that addresses had before conditions were part of the query. */
const OLD = ["model", "status", "key_id", "user_id", "session_id", "text", "min_ms"] as const;

export const isOld = (search: Record<string, unknown>): boolean => OLD.some((name) => search[name] !== undefined);

/** The query of an address, with what older addresses say beside it. */
function queryOf(search: Record<string, unknown>): string | undefined {
  let q = text(search.q);
  const add = (name: "status" | "model" | "key" | "user" | "session", values: string[]) => {
    if (values.length > 0) q = choosing(q, name, values);
  };
  add("status", list(search.status).filter((status) => ["ok", "error", "cancelled"].includes(status)));
  add("model", list(search.model));
  add("key", list(search.key_id));
  add("user", list(search.user_id).slice(0, 1));
  add("session", list(search.session_id).slice(0, 1));
  const least = Number(text(search.min_ms));
  if (Number.isFinite(least) && least > 0) q = withLeast(q, least);
  const words = text(search.text);
  return words === undefined ? q : [q, written(words)].filter((part) => part !== undefined).join(" ");
}

export function readFilter(search: Record<string, unknown>): TraceQuery {
  return {
    q: queryOf(search),
    sort: SORTS.find((sort) => sort === search.sort) ?? "started_at",
    order: search.order === "asc" ? "asc" : "desc",
  };
}

/** As search parameters; what is not set is left out, and so is what older addresses had. */
export function writeFilter(filter: TraceQuery): Record<string, unknown> {
  const byDefault = filter.sort === "started_at" && filter.order === "desc";
  return {
    ...Object.fromEntries(OLD.map((name) => [name, undefined])),
    q: filter.q,
    sort: byDefault ? undefined : filter.sort,
    order: byDefault ? undefined : filter.order,
  };
}
