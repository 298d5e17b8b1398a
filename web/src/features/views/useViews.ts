import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { viewsQuery, type ListName, type SavedView } from "@/api/views";
import { text } from "@/lib/search";
import { useSetSearch } from "@/lib/useSetSearch";
import { columnsOf, differs, NO_VIEW, saysSomething, searchOf } from "./state";

/** The columns of a list, where they can be chosen. */
export interface Columns {
  /** The ids of those that are shown. */
  shown: readonly string[];
  show: (ids: readonly string[]) => void;
}

/** The views of a list, the one that it shows, and the way from one to another; all of it in the URL. */
export function useViews(project: string, list: ListName, columns: Columns | undefined) {
  const set = useSetSearch();
  const search: Record<string, unknown> = useSearch({ strict: false });
  const query = useQuery({ ...viewsQuery(project), enabled: project !== "" });
  const all = useMemo(() => query.data?.filter((view) => view.list === list), [query.data, list]);
  const asked = text(search.view);
  const view = all?.find((each) => each.id === asked);
  const show = columns?.show;
  const open = useCallback(
    (next: SavedView | null, replace = false) => {
      const shown = next === null ? searchOf({}) : searchOf(next.state);
      const kept = next === null ? null : columnsOf(next.state);
      if (kept !== null) show?.(kept);
      set({ ...shown, view: next?.id ?? NO_VIEW }, replace);
    },
    [set, show],
  );
  const silent = !saysSomething(search);
  const bare = silent && asked === undefined;
  const before = useRef<{ asked: string | undefined; bare: boolean }>({ asked: undefined, bare: false });
  useEffect(() => {
    if (all === undefined) return;
    const { asked: last, bare: known } = before.current;
    before.current = { asked, bare };
    // A link to a view says no more than which; a list of which nothing is said opens as its reader has chosen. Each is
    // done once, so that conditions can be taken away again.
    const next = bare ? (known ? undefined : all.find((each) => each.opens_first)) : silent && asked !== last ? view : undefined;
    if (next !== undefined) open(next, true);
  }, [all, asked, bare, silent, view, open]);
  const changed = view !== undefined && differs(view.state, search, columns?.shown ?? null);
  return { all: all ?? [], view, changed, missing: asked !== undefined && asked !== NO_VIEW && all !== undefined && view === undefined, open, search };
}
