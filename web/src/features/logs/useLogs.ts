import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useState } from "react";
import { logFacetsQuery, logsQuery, newestLogs, type LogQuery } from "@/api/signals";
import type { LogView } from "@/api/types";
import { useProject } from "@/api/useProject";
import { text } from "@/lib/search";
import { useRange } from "@/lib/useRange";
import { useSetSearch } from "@/lib/useSetSearch";
import { arrivals, readFilter, writeFilter } from "./logs";

const POLL_MS = 2_000;
/** Records come in some seconds after they were made. */
const OVERLAP_MS = 30_000;
const MOST_WAITING = 1_000;

interface Arrived {
  /** The list that the records belong to; another filter begins anew. */
  of: string;
  shown: readonly LogView[];
  waiting: readonly LogView[];
  missed: boolean;
}

const nothing = (of: string): Arrived => ({ of, shown: [], waiting: [], missed: false });

/** Records as they come in, kept apart until the reader asks for them. */
function useTail(project: string, filter: LogQuery, of: string, listed: readonly LogView[], on: boolean) {
  const [arrived, setArrived] = useState(() => nothing(of));
  const [failing, setFailing] = useState(false);
  const current = arrived.of === of ? arrived : nothing(of);
  useEffect(() => {
    if (!on || project === "") return;
    let over = false;
    let timer = 0;
    const look = async () => {
      try {
        const found = await newestLogs(project, new Date(Date.now() - OVERLAP_MS), filter);
        if (over) return;
        setFailing(false);
        setArrived((before) => {
          const mine = before.of === of ? before : nothing(of);
          const { waiting, missed } = arrivals(mine, listed, found, MOST_WAITING);
          return waiting === mine.waiting ? mine : { ...mine, waiting, missed: mine.missed || missed };
        });
      } catch {
        if (over) return;
        setFailing(true);
      }
      timer = window.setTimeout(() => void look(), POLL_MS);
    };
    void look();
    return () => {
      over = true;
      window.clearTimeout(timer);
    };
    // The list's key stands for the filter's values.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [on, project, of, listed]);
  return {
    state: on ? (failing ? ("retrying" as const) : ("live" as const)) : ("off" as const),
    shown: current.shown,
    waiting: on ? current.waiting : [],
    missed: current.missed,
    reveal: () => setArrived({ of, shown: [...current.waiting, ...current.shown], waiting: [], missed: false }),
  };
}

/** The list's data and what may be done with it, from the URL. */
export function useLogs() {
  const project = useProject();
  const id = project?.id ?? "";
  const search: Record<string, unknown> = useSearch({ strict: false });
  const filter = useMemo(() => readFilter(search), [search]);
  const range = useRange({ frozen: true });
  const enabled = project !== undefined;
  const options = logsQuery(id, range, filter);
  const query = useInfiniteQuery({ ...options, enabled, refetchOnWindowFocus: false });
  const facets = useQuery({ ...logFacetsQuery(id, range), enabled }).data;
  const loaded = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const liveOn = search.live === "1";
  const tail = useTail(id, filter, JSON.stringify(options.queryKey), loaded, liveOn && range.preset !== null && query.isSuccess);
  const set = useSetSearch();
  const change = useCallback((part: Partial<LogQuery>) => set({ ...writeFilter({ ...filter, ...part }), log: undefined }, "text" in part), [filter, set]);
  // A range that ended in the past has nothing to follow.
  const toggleLive = () => set({ live: liveOn ? undefined : "1", ...(range.preset === null ? { from: undefined, to: undefined, range: "15m" } : {}) });
  const logs = useMemo(() => {
    const fresh = new Set(tail.shown.map((log) => log.id));
    return fresh.size === 0 ? loaded : [...tail.shown, ...loaded.filter((log) => !fresh.has(log.id))];
  }, [loaded, tail.shown]);
  const opened = text(search.log);
  return { filter, change, query, facets, tail, toggleLive, logs, opened, open: (log: string | undefined) => set({ log }, true) };
}
