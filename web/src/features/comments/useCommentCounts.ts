import { useQueries } from "@tanstack/react-query";
import { useCallback } from "react";
import { commentCountsQuery, IN_TRACE } from "@/api/comments";
import type { TraceSummary } from "@/api/types";

/** How many comments the traces of a list have: asked for page by page behind the list, which never waits for them. */
export function useCommentCounts(project: string, pages: readonly { items: readonly TraceSummary[] }[] | undefined): (traceId: string) => number {
  const queries = (pages ?? []).map((page) => commentCountsQuery(project, IN_TRACE, page.items.map((trace) => trace.trace_id)));
  const counts = useQueries({ queries, combine: together });
  return useCallback((traceId: string) => counts.get(traceId) ?? 0, [counts]);
}

function together(results: readonly { data?: Map<string, number> | undefined }[]): Map<string, number> {
  return new Map(results.flatMap((result) => [...(result.data ?? [])]));
}
