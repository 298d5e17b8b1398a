import { useQuery, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { neighboursQuery } from "@/api/queries";
import type { TracePage, TraceSummary } from "@/api/types";

export interface Neighbours {
  previous: TraceSummary | undefined;
  next: TraceSummary | undefined;
}

/** The rows above and below: in the list that the reader came from, else the next newer and older trace. */
export function useNeighbours(project: string | undefined, trace: TraceSummary | undefined): Neighbours {
  const client = useQueryClient();
  const listed = trace === undefined ? null : inList(client.getQueriesData<InfiniteData<TracePage>>({ queryKey: ["traces", project] }), trace.trace_id);
  const around = useQuery({
    ...neighboursQuery(project ?? "", trace?.trace_id ?? "", trace?.started_at ?? ""),
    enabled: project !== undefined && trace !== undefined && listed === null,
  });
  return listed ?? { previous: around.data?.newer, next: around.data?.older };
}

function inList(lists: readonly (readonly [unknown, InfiniteData<TracePage> | undefined])[], id: string): Neighbours | null {
  for (const [, data] of [...lists].reverse()) {
    const items = data?.pages.flatMap((page) => page.items) ?? [];
    const at = items.findIndex((item) => item.trace_id === id);
    if (at >= 0) return { previous: items[at - 1], next: items[at + 1] };
  }
  return null;
}
