/** Every read of the API as a query that the cache knows by the same key everywhere. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { call, setCsrfToken } from "./client";
import type {
  ActivityOrder,
  BatchDetail,
  BatchPage,
  CatalogEntry,
  Completions,
  Facets,
  KeyView,
  ModelView,
  Overview,
  PriceBook,
  ProjectView,
  ProviderKindView,
  ProviderView,
  ReceiptView,
  RouteView,
  SessionDetail,
  SessionPage,
  SessionView,
  SortField,
  SystemView,
  TracePage,
  UserDetail,
  UserPage,
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

/** Every model and route with what it can do and costs. */
export const catalogQuery = queryOptions({
  queryKey: ["models", "catalog"],
  queryFn: ({ signal }) => all<CatalogEntry>("/catalog", undefined, signal, 200),
  staleTime: 30_000,
});

/** One name, also one that an account takes without listing it; null when nothing answers to it. */
export const catalogEntryQuery = (name: string) =>
  queryOptions({
    queryKey: ["models", "catalog", name],
    queryFn: async ({ signal }) => (await call<Items<CatalogEntry>>("/catalog", { signal, query: { name } })).items[0] ?? null,
    enabled: name !== "",
    staleTime: 30_000,
  });

export const pricesQuery = queryOptions({
  queryKey: ["prices"],
  queryFn: ({ signal }) => call<PriceBook>("/prices", { signal }),
  staleTime: 30_000,
});

export const keysQuery = (project: string) =>
  queryOptions({
    queryKey: ["keys", project],
    queryFn: ({ signal }) => all<KeyView>("/keys", project, signal),
    staleTime: 30_000,
  });

const BATCH_PAGE_SIZE = 50;
const RECEIPTS_POLL_MS = 5_000;

/** What became of telemetry in the last hours. */
export const receiptsQuery = (project: string, hours: number) =>
  queryOptions({
    queryKey: ["receipts", project, hours],
    queryFn: async ({ signal }) => {
      const from = new Date(Date.now() - hours * 3_600_000).toISOString();
      return (await call<Items<ReceiptView>>("/receipts", { project, signal, query: { from } })).items;
    },
    refetchInterval: RECEIPTS_POLL_MS,
    placeholderData: keepPreviousData,
  });

const BATCH_POLL_MS = 2_000;

/** The project's batches, newest first; asked again and again while one of them is not over. */
export const batchesQuery = (project: string) =>
  infiniteQueryOptions({
    queryKey: ["batches", project],
    queryFn: ({ signal, pageParam }) => call<BatchPage>("/batches", { project, signal, query: { limit: BATCH_PAGE_SIZE, cursor: pageParam } }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: (query) => ((query.state.data?.pages[0]?.unfinished ?? 0) > 0 ? BATCH_POLL_MS : 5 * BATCH_POLL_MS),
  });

export const batchQuery = (project: string, id: string) =>
  queryOptions({
    queryKey: ["batches", project, id],
    queryFn: ({ signal }) => call<BatchDetail>(`/batches/${encodeURIComponent(id)}`, { project, signal }),
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
  text?: string | undefined;
  /** In the query language. */
  q?: string | undefined;
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
        query: traceParams(span, { text, sort: "started_at", order: "desc" }, 8, ""),
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

/** What could stand at a place of a query that is being written. */
export const completionsQuery = (project: string, { from, to }: Span, q: string, at: number) =>
  queryOptions({
    queryKey: ["completions", project, from.getTime(), to.getTime(), q, at],
    queryFn: ({ signal }) => call<Completions>("/query/completions", { project, signal, query: { from: from.toISOString(), to: to.toISOString(), q, at } }),
    staleTime: 30_000,
  });

function traceParams({ from, to }: Span, filter: TraceQuery, limit: number, cursor: string) {
  return {
    from: from.toISOString(),
    to: to.toISOString(),
    text: filter.text,
    q: filter.q,
    sort: filter.sort,
    order: filter.order,
    limit,
    cursor,
  };
}

export interface ActivityQuery {
  text?: string | undefined;
  /** Of sessions only. */
  userId?: string | undefined;
  sort: ActivityOrder;
  order: "asc" | "desc";
}

const ACTIVITY_PAGE_SIZE = 50;

function activityParams({ from, to }: Span, filter: ActivityQuery, cursor: string) {
  return { from: from.toISOString(), to: to.toISOString(), text: filter.text, user_id: filter.userId, sort: filter.sort, order: filter.order, limit: ACTIVITY_PAGE_SIZE, cursor };
}

/** Sessions of applications; `sessionQuery` is the person's own. */
export const sessionsQuery = (project: string, span: Span, filter: ActivityQuery) =>
  infiniteQueryOptions({
    queryKey: ["sessions", project, span.from.getTime(), span.to.getTime(), filter],
    queryFn: ({ signal, pageParam }) => call<SessionPage>("/sessions", { project, signal, query: activityParams(span, filter, pageParam) }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  });

/** One session, its traces page by page, the earliest first. */
export const sessionTracesQuery = (project: string, id: string) =>
  infiniteQueryOptions({
    queryKey: ["sessions", project, id],
    queryFn: ({ signal, pageParam }) => call<SessionDetail>(`/sessions/${encodeURIComponent(id)}`, { project, signal, query: { limit: ACTIVITY_PAGE_SIZE, cursor: pageParam } }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    staleTime: 10_000,
  });

export const usersQuery = (project: string, span: Span, filter: ActivityQuery) =>
  infiniteQueryOptions({
    queryKey: ["users", project, span.from.getTime(), span.to.getTime(), filter],
    queryFn: ({ signal, pageParam }) => call<UserPage>("/users", { project, signal, query: activityParams(span, { ...filter, userId: undefined }, pageParam) }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  });

export const userQuery = (project: string, id: string, { from, to }: Span) =>
  queryOptions({
    queryKey: ["users", project, id, from.getTime(), to.getTime()],
    queryFn: ({ signal }) => call<UserDetail>(`/users/${encodeURIComponent(id)}`, { project, signal, query: { from: from.toISOString(), to: to.toISOString() } }),
    staleTime: 10_000,
  });

/** All pages of a short list. */
async function all<T>(path: string, project: string | undefined, signal: AbortSignal, limit?: number): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null | undefined;
  do {
    const page: Items<T> = await call<Items<T>>(path, { project, signal, query: { cursor, limit } });
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
      const plain = { sort: "started_at" } as const;
      const page = (from: number, to: number, order: "asc" | "desc") =>
        call<TracePage>("/traces", { project, signal, query: traceParams({ from: new Date(from), to: new Date(to) }, { ...plain, order }, 3, "") });
      const day = 86_400_000;
      const [older, newer] = await Promise.all([page(at - NEIGHBOUR_DAYS * day, at + 1, "desc"), page(at, at + NEIGHBOUR_DAYS * day, "asc")]);
      const other = (items: TracePage["items"]) => items.find((item) => item.trace_id !== traceId);
      return { older: other(older.items), newer: other(newer.items) };
    },
    staleTime: 60_000,
  });
