import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { treeQuery, type TraceSource } from "@/api/trace";
import type { ScoreDetail, TraceSummary } from "@/api/types";
import { buildTree, complete, type Tree } from "./tree";

const MOST_PAGES = 11;

export interface LoadedTree {
  summary: TraceSummary;
  scores: readonly ScoreDetail[];
  tree: Tree;
  /** Whether there are spans that are not here yet. */
  loading: boolean;
  /** Whether spans are left out because there are too many. */
  cut: boolean;
}

/** The tree of a trace, from its first page on; it grows as the others come. */
export function useTree(source: TraceSource | null) {
  const query = useInfiniteQuery({ ...treeQuery(source ?? { key: "", path: "" }), enabled: source !== null });
  const { data, hasNextPage, isFetchingNextPage, isError, fetchNextPage } = query;
  const pages = data?.pages.length ?? 0;
  const more = hasNextPage && pages < MOST_PAGES;
  useEffect(() => {
    if (more && !isFetchingNextPage && !isError) void fetchNextPage();
  }, [more, isFetchingNextPage, isError, fetchNextPage, pages]);

  const tree = useMemo(() => (data === undefined ? null : buildTree(data.pages.flatMap((page) => page.spans.map(complete)))), [data]);
  const first = data?.pages[0];
  const summary = first?.summary;
  const loaded = useMemo(
    (): LoadedTree | null => (tree === null || summary === undefined || summary === null ? null : { summary, scores: first?.scores ?? [], tree, loading: more, cut: hasNextPage && !more }),
    [tree, summary, first, more, hasNextPage],
  );
  return { loaded, error: query.error, retry: query.refetch };
}
