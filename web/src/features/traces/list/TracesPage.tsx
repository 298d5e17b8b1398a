import { Button } from "@mantine/core";
import { IconFilterOff, IconPlayerPlay, IconPlayerStop, IconRoute } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { asApiError } from "@/api/client";
import { facetsQuery, keysQuery, systemQuery, modelsQuery, tracesQuery, type TraceQuery } from "@/api/queries";
import type { SortField } from "@/api/types";
import { useProject } from "@/api/useProject";
import { useKeys } from "@/lib/keys";
import { snippets } from "@/lib/snippets";
import { useRange } from "@/lib/useRange";
import { EmptyState, ErrorNote, ErrorState, Snippet } from "@/ui/parts";
import { conditionCount, readFilter, writeFilter } from "../filter";
import { FilterBar } from "./FilterBar";
import classes from "./list.module.css";
import { TraceTable } from "./TraceTable";
import { useLayout } from "./useLayout";
import { useLive, type LiveTail } from "./useLive";

function NoTraces() {
  const { data: system } = useQuery(systemQuery);
  const { data: models } = useQuery(modelsQuery);
  const code = snippets({ gateway: system?.gateway_url ?? "http://127.0.0.1:4000", key: "$PILOTHOUSE_KEY", model: models?.[0]?.name ?? "account/model" });
  return (
    <div className={classes.empty}>
      <EmptyState
        icon={<IconRoute size={20} />}
        title="No traces in this time range"
      >
        <p>Every call through the gateway appears here. Choose a longer range, turn on the live tail, or send a call with a virtual key:</p>
      </EmptyState>
      <div className={classes.emptySnippet}>
        <Snippet variants={code} />
        <p className={classes.emptyFoot}>
          No key yet?{" "}
          <Link to={"/settings/keys" as never} search={{ new: "1" } as never}>
            Create a virtual key
          </Link>
        </p>
      </div>
    </div>
  );
}

function NoMatch({ onClear }: { onClear: () => void }) {
  return (
    <EmptyState
      icon={<IconFilterOff size={20} />}
      title="No trace fits all of these filters"
      actions={
        <Button variant="default" onClick={onClear}>
          Clear filters
        </Button>
      }
    >
      <p>There may be some with fewer filters or in a longer time range.</p>
    </EmptyState>
  );
}

function Pill({ count, missed, onClick }: { count: number; missed: boolean; onClick: () => void }) {
  return (
    <>
      {count > 0 && (
        <button type="button" className={classes.pill} onClick={onClick}>
          {count} new{missed && ", refresh for all"}
        </button>
      )}
      <div className="hidden-visually" role="status" aria-live="polite">
        {count > 0 ? `${count} new traces` : ""}
      </div>
    </>
  );
}

const LIVE_WORDS = { off: "Live", connecting: "Connecting", live: "Live", retrying: "Reconnecting" } as const;

function LiveButton({ live, toggle }: { live: LiveTail; toggle: () => void }) {
  const on = live.state !== "off";
  return (
    <Button
      variant="default"
      size="xs"
      h={32}
      aria-pressed={on}
      onClick={toggle}
      leftSection={on ? live.state === "live" ? <span className={classes.pulse} /> : <IconPlayerStop size={14} /> : <IconPlayerPlay size={14} />}
      className={on ? classes.liveOn : undefined}
    >
      {LIVE_WORDS[live.state]}
    </Button>
  );
}

/** The list's data and what may be done with it, from the URL. */
function useTraces() {
  const project = useProject();
  const navigate = useNavigate();
  const search: Record<string, unknown> = useSearch({ strict: false });
  const filter = useMemo(() => readFilter(search), [search]);
  const range = useRange({ frozen: true });
  const id = project?.id ?? "";
  const enabled = project !== undefined;
  const { data: keys } = useQuery({ ...keysQuery(id), enabled });
  const { data: facets } = useQuery({ ...facetsQuery(id, range), enabled });
  const options = tracesQuery(id, range, filter);
  const query = useInfiniteQuery({ ...options, enabled, refetchOnWindowFocus: false });
  const liveOn = search.live === "1";
  const tail = useLive(project?.id, filter, JSON.stringify(options.queryKey), liveOn && range.preset !== null);
  const set = useCallback(
    (part: Record<string, unknown>, replace = false) => void navigate({ to: ".", replace, search: ((before: Record<string, unknown>) => ({ ...before, ...part })) as never }),
    [navigate],
  );
  const change = useCallback((part: Partial<TraceQuery>) => set(writeFilter({ ...filter, ...part }), "text" in part), [filter, set]);
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
  return { filter, facets, query, live, change, toggleLive, sortBy, keyName, traces };
}

const NO_CONDITIONS: Partial<TraceQuery> = { models: [], statuses: [], keyIds: [], userId: undefined, sessionId: undefined, text: undefined, minDurationMs: undefined };

export function TracesPage() {
  const { filter, facets, query, live, change, toggleLive, sortBy, keyName, traces } = useTraces();
  const layout = useLayout();
  useKeys({ l: toggleLive });
  const { fetchNextPage, isFetchingNextPage, hasNextPage } = query;
  const loadMore = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, isFetchingNextPage]);
  const empty = query.isSuccess && traces.length === 0 && !query.isPlaceholderData && live.waiting.length === 0;
  const list = (
    <div className={classes.frame} data-old={query.isPlaceholderData || undefined}>
      <Pill count={live.waiting.length} missed={live.missed} onClick={live.reveal} />
      <TraceTable
        traces={traces}
        filter={filter}
        layout={layout}
        keyName={keyName}
        loading={query.isPending || isFetchingNextPage}
        hasMore={hasNextPage}
        loadMore={loadMore}
        onSort={sortBy}
      />
    </div>
  );
  const none = conditionCount(filter) === 0 ? <NoTraces /> : <NoMatch onClear={() => change(NO_CONDITIONS)} />;
  return (
    <div className={classes.page}>
      <h1 className="hidden-visually">Traces</h1>
      <FilterBar filter={filter} change={change} facets={facets} keyName={keyName} layout={layout}>
        <LiveButton live={live} toggle={toggleLive} />
      </FilterBar>
      {query.isError && query.data === undefined ? (
        <ErrorState failure={asApiError(query.error)} onRetry={() => void query.refetch()} />
      ) : (
        <>
          {query.isError && (
            <div className={classes.note}>
              <ErrorNote failure={asApiError(query.error)} kept="The list below is the last that was loaded." />
            </div>
          )}
          {empty ? none : list}
        </>
      )}
    </div>
  );
}
