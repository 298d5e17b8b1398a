/** One trace piece by piece: its tree in pages of light rows, single spans, a search within it, its log records. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { call, type Query } from "./client";
import type { LogList, SpanDetail, SpanMatches, TraceMediaList, TraceMedium, TreePage } from "./types";

/** Where the pieces of a trace come from. */
export interface TraceSource {
  /** Tells its answers apart in the cache. */
  key: string;
  path: string;
  project?: string | undefined;
  headers?: Record<string, string>;
  /** A time near the trace, which finds it faster. */
  at?: string | undefined;
}

const MINUTES = 60_000;

export function sourceOf(project: string, traceId: string, at: string | undefined): TraceSource {
  return { key: `${project}/${traceId}`, path: `/traces/${encodeURIComponent(traceId)}`, project, at };
}

function ask<T>(source: TraceSource, path: string, signal: AbortSignal, query: Query = {}): Promise<T> {
  return call<T>(source.path + path, { project: source.project, headers: source.headers, signal, query: { at: source.at, ...query } });
}

/** All pages are asked for one after the other; whoever draws them begins with the first. */
export const treeQuery = (source: TraceSource) =>
  infiniteQueryOptions({
    queryKey: ["trace", source.key, "tree"],
    queryFn: ({ signal, pageParam }) => ask<TreePage>(source, "/tree", signal, { cursor: pageParam }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    staleTime: 5 * MINUTES,
    refetchOnWindowFocus: false,
    // Comparing tens of thousands of rows with those of before takes longer than drawing them.
    structuralSharing: false,
  });

/** One span with its bodies, which may be many megabytes: kept for a short time only. */
export const spanQuery = (source: TraceSource, spanId: string) =>
  queryOptions({
    queryKey: ["trace", source.key, "span", spanId],
    queryFn: ({ signal }) => ask<SpanDetail>(source, `/spans/${encodeURIComponent(spanId)}`, signal),
    enabled: spanId !== "",
    staleTime: 5 * MINUTES,
    gcTime: MINUTES,
    structuralSharing: false,
  });

export const matchesQuery = (source: TraceSource, text: string) =>
  queryOptions({
    queryKey: ["trace", source.key, "matches", text],
    queryFn: ({ signal }) => ask<SpanMatches>(source, "/matches", signal, { text }),
    enabled: text !== "",
    staleTime: 5 * MINUTES,
    gcTime: MINUTES,
  });

export const logsQuery = (source: TraceSource) =>
  queryOptions({
    queryKey: ["trace", source.key, "logs"],
    queryFn: ({ signal }) => ask<LogList>(source, "/logs", signal, { at: undefined }),
    staleTime: MINUTES,
  });

/** Pictures, sound and files of a trace; whoever has no project, but a link to share, finds them elsewhere. */
export const mediaQuery = (source: TraceSource) =>
  queryOptions({
    queryKey: ["trace", source.key, "media"],
    queryFn: async ({ signal }): Promise<TraceMedium[]> => (await ask<TraceMediaList>(source, "/media", signal, { at: undefined })).items,
    enabled: source.project !== undefined,
    staleTime: MINUTES,
  });
