import { Button } from "@mantine/core";
import { IconFilterOff, IconPlayerPlay, IconPlayerStop, IconRoute } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { asApiError } from "@/api/client";
import { facetsQuery, keysQuery, systemQuery, modelsQuery, tracesQuery, type TraceQuery } from "@/api/queries";
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

export function TracesPage() {
  const project = useProject();
  const navigate = useNavigate();
  const search: Record<string, unknown> = useSearch({ strict: false });
  const filter = useMemo(() => readFilter(search), [search]);
  const range = useRange({ frozen: true });
  const layout = useLayout();
  const { data: keys } = useQuery({ ...keysQuery(project?.id ?? ""), enabled: project !== undefined });
  const { data: facets } = useQuery({ ...facetsQuery(project?.id ?? "", range), enabled: project !== undefined });
  const options = tracesQuery(project?.id ?? "", range, filter);
  const query = useInfiniteQuery({ ...options, enabled: project !== undefined, refetchOnWindowFocus: false });
  const liveOn = search.live === "1";
  const live = useLive(project?.id, filter, JSON.stringify(options.queryKey), liveOn && range.preset !== null);

  const set = useCallback(
    (part: Record<string, unknown>, replace = false) => void navigate({ to: ".", replace, search: ((before: Record<string, unknown>) => ({ ...before, ...part })) as never }),
    [navigate],
  );
  const change = useCallback((part: Partial<TraceQuery>) => set(writeFilter({ ...filter, ...part }), "text" in part), [filter, set]);
  const toggleLive = () => set({ live: liveOn ? undefined : "1", ...(range.preset === null ? { from: undefined, to: undefined, range: "15m" } : {}) });
  useKeys({ l: toggleLive });

  const keyName = useCallback((id: string) => keys?.find((key) => key.id === id)?.name ?? id.slice(0, 8), [keys]);
  const traces = useMemo(() => {
    const loaded = query.data?.pages.flatMap((page) => page.items) ?? [];
    if (live.shown.length === 0) return loaded;
    const fresh = new Set(live.shown.map((trace) => trace.trace_id));
    return [...live.shown, ...loaded.filter((trace) => !fresh.has(trace.trace_id))];
  }, [query.data, live.shown]);
  const { fetchNextPage, isFetchingNextPage, hasNextPage } = query;
  const loadMore = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, isFetchingNextPage]);

  const failed = query.isError && query.data === undefined;
  const empty = query.isSuccess && traces.length === 0 && !query.isPlaceholderData;
  const waiting = live.waiting.length;
  return (
    <div className={classes.page}>
      <h1 className="hidden-visually">Traces</h1>
      <FilterBar filter={filter} change={change} facets={facets} keyName={keyName} layout={layout}>
        <LiveButton live={live} toggle={toggleLive} />
      </FilterBar>
      {query.isError && query.data !== undefined && (
        <div className={classes.note}>
          <ErrorNote failure={asApiError(query.error)} kept="The list below is the last that was loaded." />
        </div>
      )}
      {failed ? (
        <ErrorState failure={asApiError(query.error)} onRetry={() => void query.refetch()} />
      ) : empty && waiting === 0 ? (
        conditionCount(filter) === 0 ? (
          <NoTraces />
        ) : (
          <EmptyState
            icon={<IconFilterOff size={20} />}
            title="No trace fits all of these filters"
            actions={
              <Button variant="default" onClick={() => change({ models: [], statuses: [], keyIds: [], userId: undefined, sessionId: undefined, text: undefined, minDurationMs: undefined })}>
                Clear filters
              </Button>
            }
          >
            <p>There may be some with fewer filters or in a longer time range.</p>
          </EmptyState>
        )
      ) : (
        <div className={classes.frame} data-old={query.isPlaceholderData || undefined}>
          {waiting > 0 && (
            <button type="button" className={classes.pill} onClick={live.reveal}>
              {waiting >= 500 ? "500+" : waiting} new
            </button>
          )}
          <TraceTable
            traces={traces}
            filter={filter}
            layout={layout}
            keyName={keyName}
            loading={query.isPending || isFetchingNextPage}
            hasMore={hasNextPage}
            loadMore={loadMore}
            onSort={(sort) => change(sort === filter.sort ? { order: filter.order === "desc" ? "asc" : "desc" } : { sort, order: "desc" })}
          />
        </div>
      )}
      <div className="hidden-visually" role="status" aria-live="polite">
        {waiting > 0 ? `${waiting} new traces` : ""}
      </div>
    </div>
  );
}
