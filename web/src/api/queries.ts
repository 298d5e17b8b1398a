/** Every read of the API as a query that the cache knows by the same key everywhere. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { call, setCsrfToken } from "./client";
import type {
  Facets,
  KeyView,
  ModelView,
  Overview,
  ProjectView,
  ProviderKindView,
  ProviderView,
  RouteView,
  SessionView,
  SortField,
  SystemView,
  Trace,
  TracePage,
} from "./types";

interface Items<T> {
  items: T[];
  next_cursor?: string | null;
}

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: async ({ signal }) => {
    const session = await call<SessionView>("/session", { signal });
    setCsrfToken(session.csrf_token);
    return session;
  },
  staleTime: 5 * 60_000,
});

export const systemQuery = queryOptions({
  queryKey: ["system"],
  queryFn: ({ signal }) => call<SystemView>("/system", { signal }),
  staleTime: 60_000,
});

export const projectsQuery = queryOptions({
  queryKey: ["projects"],
  queryFn: ({ signal }) => all<ProjectView>("/projects", undefined, signal),
  staleTime: 60_000,
});

export const providersQuery = queryOptions({
  queryKey: ["providers"],
  queryFn: ({ signal }) => all<ProviderView>("/providers", undefined, signal),
});

export const providerKindsQuery = queryOptions({
  queryKey: ["provider-kinds"],
  queryFn: ({ signal }) => all<ProviderKindView>("/provider-kinds", undefined, signal),
  staleTime: Infinity,
});

export const routesQuery = queryOptions({
  queryKey: ["routes"],
  queryFn: ({ signal }) => all<RouteView>("/routes", undefined, signal),
});

export const modelsQuery = queryOptions({
  queryKey: ["models"],
  queryFn: ({ signal }) => all<ModelView>("/models", undefined, signal),
  staleTime: 60_000,
});

export const keysQuery = (project: string) =>
  queryOptions({
    queryKey: ["keys", project],
    queryFn: ({ signal }) => all<KeyView>("/keys", project, signal),
    staleTime: 30_000,
  });

export interface Span {
  from: Date;
  to: Date;
}

export const overviewQuery = (project: string, { from, to }: Span, models: readonly string[]) =>
  queryOptions({
    queryKey: ["overview", project, from.getTime(), to.getTime(), models],
    queryFn: ({ signal }) =>
      call<Overview>("/overview", { project, signal, query: { from: from.toISOString(), to: to.toISOString(), model: models } }),
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  });

export interface TraceQuery {
  models: readonly string[];
  statuses: readonly string[];
  keyIds: readonly string[];
  userId?: string | undefined;
  sessionId?: string | undefined;
  text?: string | undefined;
  minDurationMs?: number | undefined;
  sort: SortField;
  order: "asc" | "desc";
}

export const TRACE_PAGE_SIZE = 100;

export const tracesQuery = (project: string, { from, to }: Span, filter: TraceQuery) =>
  infiniteQueryOptions({
    queryKey: ["traces", project, from.getTime(), to.getTime(), filter],
    queryFn: ({ signal, pageParam }) =>
      call<TracePage>("/traces", { project, signal, query: traceParams({ from, to }, filter, TRACE_PAGE_SIZE, pageParam) }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  });

/** The newest traces that hold a text; for the palette. */
export const traceSearchQuery = (project: string, span: Span, text: string) =>
  queryOptions({
    queryKey: ["trace-search", project, text],
    queryFn: ({ signal }) =>
      call<TracePage>("/traces", {
        project,
        signal,
        query: traceParams(span, { models: [], statuses: [], keyIds: [], text, sort: "started_at", order: "desc" }, 8, ""),
      }),
    enabled: text.length >= 2,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  });

export const facetsQuery = (project: string, { from, to }: Span) =>
  queryOptions({
    queryKey: ["facets", project, from.getTime(), to.getTime()],
    queryFn: ({ signal }) => call<Facets>("/traces/facets", { project, signal, query: { from: from.toISOString(), to: to.toISOString() } }),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  });

export const traceQuery = (project: string, traceId: string, at?: string) =>
  queryOptions({
    queryKey: ["trace", project, traceId],
    queryFn: ({ signal }) => call<Trace>(`/traces/${encodeURIComponent(traceId)}`, { project, signal, query: { at } }),
    staleTime: 30_000,
  });

function traceParams({ from, to }: Span, filter: TraceQuery, limit: number, cursor: string) {
  return {
    from: from.toISOString(),
    to: to.toISOString(),
    model: filter.models,
    status: filter.statuses,
    key_id: filter.keyIds,
    user_id: filter.userId,
    session_id: filter.sessionId,
    text: filter.text,
    min_duration_ms: filter.minDurationMs,
    sort: filter.sort,
    order: filter.order,
    limit,
    cursor,
  };
}

/** All pages of a short list. */
async function all<T>(path: string, project: string | undefined, signal: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null | undefined;
  do {
    const page: Items<T> = await call<Items<T>>(path, { project, signal, query: { cursor } });
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null && cursor !== undefined);
  return items;
}

const NEIGHBOUR_DAYS = 7;

/** The traces that started just before and just after one. */
export const neighboursQuery = (project: string, traceId: string, startedAt: string) =>
  queryOptions({
    queryKey: ["neighbours", project, traceId],
    queryFn: async ({ signal }) => {
      const at = new Date(startedAt).getTime();
      const plain = { models: [], statuses: [], keyIds: [], sort: "started_at" } as const;
      const page = (from: number, to: number, order: "asc" | "desc") =>
        call<TracePage>("/traces", { project, signal, query: traceParams({ from: new Date(from), to: new Date(to) }, { ...plain, order }, 3, "") });
      const day = 86_400_000;
      const [older, newer] = await Promise.all([page(at - NEIGHBOUR_DAYS * day, at + 1, "desc"), page(at, at + NEIGHBOUR_DAYS * day, "asc")]);
      const other = (items: TracePage["items"]) => items.find((item) => item.trace_id !== traceId);
      return { older: other(older.items), newer: other(newer.items) };
    },
    staleTime: 60_000,
  });
