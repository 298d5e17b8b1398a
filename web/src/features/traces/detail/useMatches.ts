import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { matchesQuery, type TraceSource } from "@/api/trace";
import { findInTree, type Node, type Tree } from "./tree";

const PAUSE_MS = 200;

export interface Matches {
  text: string;
  /** In the order of the tree. */
  nodes: readonly Node[];
  searching: boolean;
  failed: boolean;
}

/** Spans that hold a text: what a row shows is found at once, input and output by the server a moment later. */
export function useMatches(source: TraceSource, tree: Tree, typed: string): Matches {
  const text = typed.trim();
  const [asked, setAsked] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setAsked(text), text === "" ? 0 : PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const query = useQuery(matchesQuery(source, asked));
  const remote = asked === text ? query.data : undefined;
  const nodes = useMemo(() => {
    if (text === "") return [];
    const found = findInTree(tree, text);
    for (const id of remote?.span_ids ?? []) {
      const node = tree.byId.get(id);
      if (node !== undefined) found.add(node);
    }
    return [...found].sort((a, b) => a.index - b.index);
  }, [tree, text, remote]);
  return { text, nodes, searching: text !== "" && (asked !== text || query.isFetching), failed: query.isError };
}
