/** The trace list's conditions as they stand in the URL. */
import type { TraceQuery } from "@/api/queries";
import type { SortField, TraceSummary } from "@/api/types";
import { list, listOrNone, text } from "@/lib/search";

const SORTS: readonly SortField[] = ["started_at", "duration", "ttft", "tokens", "cost"];

export function readFilter(search: Record<string, unknown>): TraceQuery {
  const least = Number(text(search.min_ms));
  return {
    models: list(search.model),
    statuses: list(search.status).filter((status) => ["ok", "error", "cancelled"].includes(status)),
    keyIds: list(search.key_id),
    userId: text(search.user_id),
    sessionId: text(search.session_id),
    text: text(search.text),
    minDurationMs: Number.isFinite(least) && least > 0 ? least : undefined,
    sort: SORTS.find((sort) => sort === search.sort) ?? "started_at",
    order: search.order === "asc" ? "asc" : "desc",
  };
}

/** As search parameters; what is not set is left out. */
export function writeFilter(filter: TraceQuery): Record<string, unknown> {
  const byDefault = filter.sort === "started_at" && filter.order === "desc";
  return {
    model: listOrNone(filter.models),
    status: listOrNone(filter.statuses),
    key_id: listOrNone(filter.keyIds),
    user_id: filter.userId,
    session_id: filter.sessionId,
    text: filter.text,
    min_ms: filter.minDurationMs === undefined ? undefined : String(filter.minDurationMs),
    sort: byDefault ? undefined : filter.sort,
    order: byDefault ? undefined : filter.order,
  };
}

export function conditionCount(filter: TraceQuery): number {
  const single = [filter.userId, filter.sessionId, filter.text, filter.minDurationMs].filter((value) => value !== undefined).length;
  return single + Number(filter.models.length > 0) + Number(filter.statuses.length > 0) + Number(filter.keyIds.length > 0);
}

/** Whether a trace that just arrived belongs into the list. Text is looked for in what a summary holds. */
export function fits(trace: TraceSummary, filter: TraceQuery): boolean {
  const any = (wanted: readonly string[], has: readonly string[]) => wanted.length === 0 || wanted.some((each) => has.includes(each));
  const wanted = filter.text?.toLowerCase();
  return (
    any(filter.models, trace.models) &&
    any(filter.statuses, [trace.status]) &&
    any(filter.keyIds, trace.key_ids) &&
    (filter.userId === undefined || filter.userId === trace.user_id) &&
    (filter.sessionId === undefined || filter.sessionId === trace.session_id) &&
    trace.duration_ms >= (filter.minDurationMs ?? 0) &&
    (wanted === undefined ||
      [trace.input_preview, trace.output_preview, trace.trace_id, trace.name, trace.error_code, ...trace.models].some((part) => part.toLowerCase().includes(wanted)))
  );
}

/** `800`, `800ms`, `1.5s` or `2min` in milliseconds; null for anything else. */
export function parseDuration(input: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m)?\s*$/i.exec(input);
  if (match === null) return null;
  const unit = (match[2] ?? "ms").toLowerCase();
  return Number(match[1]) * (unit === "s" ? 1000 : unit.startsWith("m") && unit !== "ms" ? 60_000 : 1);
}
