import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { asApiError } from "@/api/client";
import { logsQuery, mediaQuery, spanQuery, type TraceSource } from "@/api/trace";
import type { LogList as LogPage, ScoreDetail, SpanDetail, TraceMedium } from "@/api/types";
import { useKeys } from "@/lib/keys";
import { text } from "@/lib/search";
import { ErrorNote, Skeleton } from "@/ui/parts";
import { Split } from "@/ui/Split";
import { LogList } from "./EventsTab";
import { GraphView } from "./GraphView";
import { SpanPanel, TAB_IDS, type TabId, type Talk } from "./SpanPanel";
import { firstInteresting, visibleRows, withAncestors, type Node, type Row, type TreeSpan } from "./tree";
import { TreeBar } from "./TreeBar";
import classes from "./trace.module.css";
import { useFolds, type Folds } from "./useFolds";
import { useMatches } from "./useMatches";
import type { LoadedTree } from "./useTree";
import { Waterfall } from "./Waterfall";

const VIEWS = ["tree", "graph", "logs"] as const;
type View = (typeof VIEWS)[number];

interface Props {
  source: TraceSource;
  loaded: LoadedTree;
  keyName: (id: string) => string;
  /** Told of the span that is looked at once its bodies are here. */
  onSpan?: (span: SpanDetail | undefined) => void;
  talk?: Talk | undefined;
  /** Tabs of a span that there is nothing to show on. */
  without?: readonly TabId[] | undefined;
  /** Said where its spans cannot be searched. */
  unsearched?: boolean;
}

/** What a key does in the tree; what it does not know is left to the page. */
function moveInTree(event: KeyboardEvent, spans: readonly Row[], node: Node | undefined, folds: Folds, select: (id: string) => void): boolean {
  const at = node === undefined ? -1 : spans.findIndex((row) => row.id === node.span.span_id);
  const to = (index: number) => {
    const row = spans[Math.min(Math.max(index, 0), spans.length - 1)];
    if (row !== undefined) select(row.id);
    return true;
  };
  const row = spans[at];
  switch (event.key) {
    case "ArrowDown":
      return to(at + 1);
    case "ArrowUp":
      return to(at - 1);
    case "PageDown":
      return to(at + 20);
    case "PageUp":
      return to(at - 20);
    case "Home":
      return to(0);
    case "End":
      return to(spans.length - 1);
    case "ArrowRight":
      if (row?.kind !== "span") return false;
      if (row.folded) folds.set(row.id, false);
      else if (row.node.children.length > 0) to(at + 1);
      return true;
    case "ArrowLeft":
      if (row?.kind !== "span") return false;
      if (row.foldable && !row.folded) folds.set(row.id, true);
      else if (row.node.parent !== null) select(row.node.parent.span.span_id);
      return true;
    default:
      return false;
  }
}

function useSelection({ tree }: LoadedTree) {
  const search: Record<string, unknown> = useSearch({ strict: false });
  const navigate = useNavigate();
  const set = useCallback(
    // Else the router would put the tree back to where it was scrolled before the step.
    (part: Record<string, unknown>) => void navigate({ to: ".", replace: true, resetScroll: false, hash: true, search: ((before: Record<string, unknown>) => ({ ...before, ...part })) as never }),
    [navigate],
  );
  const select = useCallback((id: string) => set({ span: id }), [set]);
  const opening = useMemo(() => firstInteresting(tree), [tree]);
  // What is opened first stays open when later pages would have made another choice.
  const [first] = useState(opening?.span_id ?? "");
  const spanId = text(search.span) ?? first;
  const tab = TAB_IDS.find((id) => id === search.tab) ?? "conversation";
  const setTab = useCallback((id: TabId) => set({ tab: id === "conversation" ? undefined : id }), [set]);
  const view = VIEWS.find((each) => each === search.view) ?? "tree";
  const setView = useCallback((next: View) => set({ view: next === "tree" ? undefined : next }), [set]);
  return { spanId, select, tab, setTab, view, setView };
}

/** Whether there is something to search and fold. */
const hasBar = ({ summary }: LoadedTree, view: View, unsearched: boolean | undefined) => summary.span_count > 1 && view === "tree" && unsearched !== true;

export function TraceBody({ source, loaded, keyName, onSpan, talk, without, unsearched }: Props) {
  const { tree } = loaded;
  const { spanId, select, tab, setTab, view, setView } = useSelection(loaded);
  const folds = useFolds(tree);
  const [typed, setTyped] = useState("");
  const [only, setOnly] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const matches = useMatches(source, tree, useDeferredValue(typed));
  const matched = useMemo(() => new Set(matches.nodes), [matches.nodes]);
  const kept = useMemo(() => (only && matches.text !== "" ? withAncestors(matches.nodes) : null), [only, matches]);
  const rows = useMemo(() => visibleRows(tree, folds.folded, kept), [tree, folds.folded, kept]);
  const spans = useMemo(() => rows.filter((row) => row.kind === "span"), [rows]);
  const node = tree.byId.get(spanId);
  const detail = useQuery(spanQuery(source, spanId));
  const logs = useQuery(logsQuery(source));
  const media = useQuery(mediaQuery(source));
  useEffect(() => onSpan?.(detail.data), [onSpan, detail.data]);

  const { reveal } = folds;
  const shown = useRef("");
  useEffect(() => {
    // A span that was asked for, by link or by a step through matches, must not be hidden in a fold; one that was folded
    // away afterwards may be.
    if (node === undefined || shown.current === spanId) return;
    shown.current = spanId;
    reveal(node);
  }, [node, spanId, reveal]);

  const at = node === undefined ? -1 : matches.nodes.indexOf(node);
  const toMatch = (by: 1 | -1) => {
    const count = matches.nodes.length;
    if (count === 0) return;
    // From a span that is no match, to the next or previous one in the order of the tree.
    const from = node?.index ?? -1;
    const after = matches.nodes.findIndex((each) => each.index > from);
    const next = at >= 0 ? at + by : by === 1 ? after : (after < 0 ? count : after) - 1;
    const match = matches.nodes[(next + count) % count];
    if (match !== undefined) select(match.span.span_id);
  };
  const step = (by: number) => {
    const next = spans[Math.min(Math.max(spans.findIndex((row) => row.id === spanId) + by, 0), spans.length - 1)];
    if (next !== undefined) select(next.id);
  };
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    e: () => node !== undefined && folds.toggle(spanId),
    r: () => setTab(tab === "raw" ? "conversation" : "raw"),
    "/": () => field.current?.focus(),
    n: () => toMatch(1),
    "-": () => folds.toDepth(1),
    "=": () => folds.toDepth(Infinity),
  });
  const onKey = (event: KeyboardEvent) => {
    if (moveInTree(event, spans, node, folds, select)) event.preventDefault();
  };
  const single = loaded.summary.span_count === 1;
  const logCount = logs.data?.items.length ?? 0;
  const nameOf = (id: string) => tree.byId.get(id)?.span.name;
  return (
    <Split
      name={single ? "trace.single" : "trace"}
      initial={single ? 34 : 42}
      first={
        <div className={classes.treePane}>
          {(!single || logCount > 0) && <Views view={view} logs={logCount} onView={setView} />}
          {hasBar(loaded, view, unsearched) && (
            <TreeBar typed={typed} onType={setTyped} matches={matches} at={at} onMatch={toMatch} only={only} onOnly={setOnly} depth={tree.depth + 1} onDepth={folds.toDepth} field={field} />
          )}
          {view === "tree" && <Waterfall rows={rows} count={tree.nodes.length} totalMs={tree.totalMs} selected={spanId} matched={matched} onSelect={select} onFold={folds.toggle} onKey={onKey} />}
          {view === "graph" && <GraphView tree={tree} selected={spanId} onSelect={select} />}
          {view === "logs" && (
            <div className={classes.logsPane}>
              <LogList logs={logs.data?.items ?? []} more={logs.data?.more ?? false} startMs={new Date(loaded.summary.started_at).getTime()} nameOf={nameOf} onSpan={select} />
            </div>
          )}
          {loaded.loading && <Progress have={tree.nodes.length} all={loaded.summary.span_count} />}
          {loaded.cut && <p className={classes.cut}>Only the first {tree.nodes.length.toLocaleString("en-US")} spans are shown.</p>}
        </div>
      }
      second={<Detail detail={detail.data} light={node?.span} error={detail.error} tab={tab} onTab={setTab} keyName={keyName} logs={logs.data} media={media.data} scores={loaded.scores} talk={talk} without={without} />}
    />
  );
}

function Views({ view, logs, onView }: { view: View; logs: number; onView: (view: View) => void }) {
  const words: Record<View, string> = { tree: "Tree", graph: "Graph", logs: `Logs ${logs.toLocaleString("en-US")}` };
  return (
    <div className={classes.views} role="group" aria-label="View of the trace">
      {VIEWS.filter((each) => each !== "logs" || logs > 0).map((each) => (
        <button key={each} type="button" aria-pressed={each === view} onClick={() => onView(each)}>
          {words[each]}
        </button>
      ))}
    </div>
  );
}

function Progress({ have, all }: { have: number; all: number }) {
  return (
    <p className={classes.cut} role="status">
      {have.toLocaleString("en-US")} of {all.toLocaleString("en-US")} spans loaded …
    </p>
  );
}

interface DetailProps {
  detail: SpanDetail | undefined;
  light: TreeSpan | undefined;
  error: Error | null;
  tab: TabId;
  onTab: (tab: TabId) => void;
  keyName: (id: string) => string;
  logs: LogPage | undefined;
  scores: readonly ScoreDetail[];
  media: readonly TraceMedium[] | undefined;
  talk: Talk | undefined;
  without: readonly TabId[] | undefined;
}

function Detail({ detail, light, error, ...rest }: DetailProps) {
  if (detail !== undefined) return <SpanPanel span={detail} {...rest} />;
  if (error !== null) return <ErrorNote failure={asApiError(error)} />;
  return (
    <div className={classes.ghost} role="status" aria-busy aria-label={light === undefined ? "Loading" : `Loading ${light.name}`}>
      {[70, 48, 62, 30].map((width) => (
        <Skeleton key={width} width={`${width}%`} height={14} />
      ))}
    </div>
  );
}
