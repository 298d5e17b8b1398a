import { IconFilterOff, IconRoute } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo } from "react";
import { ApiError, asApiError } from "@/api/client";
import { facetsQuery, keysQuery, systemQuery, modelsQuery, tracesQuery, type TraceQuery } from "@/api/queries";
import type { SortField } from "@/api/types";
import { useProject } from "@/api/useProject";
import { useCommentCounts } from "@/features/comments";
import { ViewsMenu } from "@/features/views";
import { useKeys } from "@/lib/keys";
import { snippets } from "@/lib/snippets";
import { useRange } from "@/lib/useRange";
import { useSetSearch } from "@/lib/useSetSearch";
import { ListBody, ListPage } from "@/ui/listPage";
import { LiveButton, Pill } from "@/ui/live";
import { EmptyState } from "@/ui/parts";
import { NoMatch, Teaching } from "@/ui/teaching";
import { PickBar } from "../compare/PickBar";
import { usePicks } from "../compare/usePicks";
import { tellable } from "../conditions";
import { isOld, readFilter, writeFilter } from "../filter";
import { ExportMenu } from "./ExportMenu";
import { FilterBar } from "./FilterBar";
import { TraceTable } from "./TraceTable";
import { useLayout } from "./useLayout";
import { useLive } from "./useLive";

function NoTraces() {
  const { data: system } = useQuery(systemQuery);
  const { data: models } = useQuery(modelsQuery);
  const code = snippets({ gateway: system?.gateway_url ?? "http://127.0.0.1:4000", key: "$PILOTHOUSE_KEY", model: models?.[0]?.name ?? "account/model" });
  return (
    <Teaching icon={<IconRoute size={20} />} title="No traces in this time range" variants={code}>
      <p>Every call through the gateway appears here. Choose a longer range, turn on the live tail, or send a call with a virtual key:</p>
    </Teaching>
  );
}

const ASK_AGAIN_MS = 5_000;

/** The list's data and what may be done with it, from the URL. */
function useTraces() {
  const project = useProject();
  const search: Record<string, unknown> = useSearch({ strict: false });
  const filter = useMemo(() => readFilter(search), [search]);
  const range = useRange({ frozen: true });
  const id = project?.id ?? "";
  const enabled = project !== undefined;
  const { data: keys } = useQuery({ ...keysQuery(id), enabled });
  const { data: facets } = useQuery({ ...facetsQuery(id, range), enabled });
  const options = tracesQuery(id, range, filter);
  const liveOn = search.live === "1";
  // Only the server can tell whether a new trace fits conditions, so the list is asked again instead.
  const asksAgain = liveOn && tellable(filter.q) === null;
  const query = useInfiniteQuery({ ...options, enabled, refetchOnWindowFocus: false, refetchInterval: asksAgain ? ASK_AGAIN_MS : false });
  const tail = useLive(project?.id, filter, JSON.stringify(options.queryKey), liveOn && range.preset !== null);
  const set = useSetSearch();
  // What is typed is one step back for all of it, what is chosen is one each.
  const change = useCallback((part: Partial<TraceQuery>, typed = false) => set(writeFilter({ ...filter, ...part }), typed), [filter, set]);
  useEffect(() => {
    if (isOld(search)) set(writeFilter(filter), true);
  }, [search, filter, set]);
  // What is new stands on top only in the order of time, and a range that ended in the past has nothing to follow.
  const toggleLive = () => set({ live: liveOn ? undefined : "1", sort: undefined, order: undefined, ...(range.preset === null ? { from: undefined, to: undefined, range: "15m" } : {}) });
  const sortBy = (sort: SortField) => set({ ...writeFilter({ ...filter, sort, order: sort === filter.sort && filter.order === "desc" ? "asc" : "desc" }), live: undefined });
  const keyName = useCallback((key: string) => keys?.find((each) => each.id === key)?.name ?? key.slice(0, 8), [keys]);
  const loaded = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const traces = useMemo(() => {
    if (tail.shown.length === 0) return loaded;
    const fresh = new Set(tail.shown.map((trace) => trace.trace_id));
    return [...tail.shown, ...loaded.filter((trace) => !fresh.has(trace.trace_id))];
  }, [loaded, tail.shown]);
  // The tail begins a few seconds before it is turned on, so that none falls between list and tail.
  const waiting = useMemo(() => {
    const listed = new Set(loaded.map((trace) => trace.trace_id));
    return tail.waiting.filter((trace) => !listed.has(trace.trace_id));
  }, [loaded, tail.waiting]);
  const live = { ...tail, waiting };
  return { project: id, range, filter, facets, query, live, change, toggleLive, sortBy, keyName, traces };
}

export function TracesPage() {
  const { project, range, filter, facets, query, live, change, toggleLive, sortBy, keyName, traces } = useTraces();
  const layout = useLayout();
  const commentsOf = useCommentCounts(project, query.data?.pages);
  const picks = usePicks();
  useKeys({ l: toggleLive });
  const { fetchNextPage, isFetchingNextPage, hasNextPage, isFetchNextPageError } = query;
  const loadMore = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, isFetchingNextPage]);
  const empty = query.isSuccess && traces.length === 0 && !query.isPlaceholderData && live.waiting.length === 0;
  const none = filter.q === undefined ? (
    <NoTraces />
  ) : (
    <NoMatch title="No trace fits all of these filters" onClear={() => change({ q: undefined })}>
      <p>There may be some with fewer filters or in a longer time range.</p>
    </NoMatch>
  );
  const list = (
    <ListBody query={query} failure={query.isError ? asApiError(query.error) : null} none={empty ? none : null}>
      <Pill count={live.waiting.length} missed={live.missed} what="traces" onClick={live.reveal} />
      <TraceTable
        traces={traces}
        filter={filter}
        layout={layout}
        keyName={keyName}
        commentsOf={commentsOf}
        loading={query.isPending || isFetchingNextPage}
        hasMore={hasNextPage && !isFetchNextPageError}
        loadMore={loadMore}
        onSort={sortBy}
        picked={picks.picked.map((trace) => trace.trace_id)}
        onPick={picks.toggle}
      />
      <PickBar picked={picks.picked} onClear={picks.clear} />
    </ListBody>
  );
  const unread = query.error instanceof ApiError && query.error.code === "invalid_query" ? query.error : undefined;
  return (
    <ListPage title="Traces">
      <FilterBar filter={filter} change={change} facets={facets} keyName={keyName} layout={layout} fault={unread?.fields[0]}>
        <ViewsMenu project={project} list="traces" columns={layout} />
        <LiveButton state={live.state} toggle={toggleLive} />
        <ExportMenu project={project} range={range} filter={filter} />
      </FilterBar>
      {unread !== undefined ? (
        <EmptyState icon={<IconFilterOff size={20} />} title="The search cannot be read">
          <p>Below the search field stands why.</p>
        </EmptyState>
      ) : (
        list
      )}
    </ListPage>
  );
}
