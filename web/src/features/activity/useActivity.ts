import { useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import type { ActivityQuery } from "@/api/queries";
import type { ActivityOrder } from "@/api/types";
import { useProject } from "@/api/useProject";
import { useRange } from "@/lib/useRange";
import { useSetSearch } from "@/lib/useSetSearch";
import { readFilter, sortedBy, writeFilter } from "./filter";

/** What a list of sessions or users shows, from and to the URL. */
export function useActivity() {
  const project = useProject();
  const search: Record<string, unknown> = useSearch({ strict: false });
  const filter = useMemo(() => readFilter(search), [search]);
  const range = useRange({ frozen: true });
  const setSearch = useSetSearch();
  const set = useCallback((part: Record<string, unknown>) => setSearch(part, true), [setSearch]);
  const change = useCallback((part: Partial<ActivityQuery>) => set(writeFilter({ ...filter, ...part })), [filter, set]);
  const sortBy = useCallback((sort: ActivityOrder) => set(writeFilter(sortedBy(filter, sort))), [filter, set]);
  const clear = useCallback(() => change({ text: undefined, userId: undefined }), [change]);
  return { project, search, filter, range, set, change, sortBy, clear };
}

/** Project and time range go along; nothing else does. */
export function alone(more: Record<string, unknown> = {}) {
  return ((before: Record<string, unknown>) => ({ project: before.project, range: before.range, from: before.from, to: before.to, ...more })) as never;
}
