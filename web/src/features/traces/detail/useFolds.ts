import { useCallback, useState } from "react";
import { foldedTo, revealing, type Node, type Tree } from "./tree";

export interface Folds {
  folded: ReadonlySet<string>;
  toggle: (id: string) => void;
  set: (id: string, fold: boolean) => void;
  /** Shows that many levels; Infinity unfolds all. */
  toDepth: (depth: number) => void;
  reveal: (node: Node) => void;
}

export function useFolds(tree: Tree): Folds {
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const set = useCallback((id: string, fold: boolean | null) => {
    setFolded((before) => {
      const next = new Set(before);
      if (fold ?? !before.has(id)) next.add(id);
      else next.delete(id);
      return next;
    });
  }, []);
  const toggle = useCallback((id: string) => set(id, null), [set]);
  const toDepth = useCallback((depth: number) => setFolded(foldedTo(tree, depth)), [tree]);
  const reveal = useCallback((node: Node) => setFolded((before) => revealing(before, node)), []);
  return { folded, toggle, set, toDepth, reveal };
}
