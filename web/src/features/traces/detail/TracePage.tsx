import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { asApiError } from "@/api/client";
import { keysQuery, traceQuery } from "@/api/queries";
import type { Trace, TraceSummary } from "@/api/types";
import { useProject } from "@/api/useProject";
import { useKeys } from "@/lib/keys";
import { text } from "@/lib/search";
import { ErrorState, Skeleton } from "@/ui/parts";
import { Split } from "@/ui/Split";
import { SpanPanel, TAB_IDS, type TabId } from "./SpanPanel";
import { TraceHeader } from "./TraceHeader";
import { buildTree, firstInteresting, visibleRows } from "./tree";
import { useNeighbours } from "./useNeighbours";
import { Waterfall } from "./Waterfall";
import classes from "./trace.module.css";

function Loaded({ trace, projectId }: { trace: Trace; projectId: string }) {
  const search: Record<string, unknown> = useSearch({ strict: false });
  const navigate = useNavigate();
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const { data: keys } = useQuery(keysQuery(projectId));
  const keyName = useCallback((id: string) => keys?.find((key) => key.id === id)?.name ?? id, [keys]);
  const neighbours = useNeighbours(projectId, trace.summary);

  const byId = useMemo(() => new Map(trace.spans.map((span) => [span.span_id, span])), [trace]);
  const tree = useMemo(() => buildTree(trace.spans), [trace]);
  const rows = useMemo(() => visibleRows(tree, folded), [tree, folded]);
  const opening = useMemo(() => firstInteresting(trace.spans), [trace]);
  const span = byId.get(text(search.span) ?? "") ?? opening;
  const tab = TAB_IDS.find((id) => id === search.tab) ?? "conversation";
  const totalMs = useMemo(() => trace.spans.reduce((most, each) => Math.max(most, each.start_ms + each.duration_ms), trace.summary.duration_ms), [trace]);

  const set = (part: Record<string, unknown>) => void navigate({ to: ".", replace: true, search: ((before: Record<string, unknown>) => ({ ...before, ...part })) as never });
  const go = (to: TraceSummary | undefined) => {
    if (to === undefined) return;
    void navigate({ to: "/traces/$traceId", params: { traceId: to.trace_id }, search: ((before: Record<string, unknown>) => ({ ...before, at: to.started_at, span: undefined })) } as never);
  };
  const toggle = (id: string) =>
    setFolded((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  const step = (by: number) => {
    const spans = rows.filter((row) => row.kind === "span");
    const next = spans[Math.min(Math.max(spans.findIndex((row) => row.id === span?.span_id) + by, 0), spans.length - 1)];
    if (next !== undefined) set({ span: next.id });
  };
  useKeys({
    "[": () => go(neighbours.previous),
    "]": () => go(neighbours.next),
    j: () => step(1),
    k: () => step(-1),
    e: () => span !== undefined && toggle(span.span_id),
    r: () => set({ tab: tab === "raw" ? undefined : "raw" }),
  });
  const call = span !== undefined && span.input !== "" ? span : opening;
  return (
    <div className={classes.page}>
      <TraceHeader trace={trace} call={call} neighbours={neighbours} go={go} />
      <Split
        name={trace.spans.length === 1 ? "trace.single" : "trace"}
        initial={trace.spans.length === 1 ? 34 : 42}
        first={<Waterfall rows={rows} totalMs={totalMs} selected={span?.span_id ?? ""} onSelect={(id) => set({ span: id })} onFold={toggle} />}
        second={span !== undefined && <SpanPanel span={span} tab={tab} onTab={(id: TabId) => set({ tab: id === "conversation" ? undefined : id })} keyName={keyName} />}
      />
    </div>
  );
}

function Loading() {
  return (
    <div className={classes.page} aria-hidden>
      <div className={classes.header}>
        <div className={classes.titleRow}>
          <Skeleton width={260} height={20} />
        </div>
        <div className={classes.factRow}>
          <Skeleton width={420} height={32} />
        </div>
      </div>
      <div className={classes.ghost}>
        {Array.from({ length: 8 }, (_row, index) => (
          <Skeleton key={index} width={`${80 - ((index * 17) % 45)}%`} height={14} />
        ))}
      </div>
    </div>
  );
}

export function TracePage() {
  const project = useProject();
  const { traceId = "" }: { traceId?: string } = useParams({ strict: false });
  const search: Record<string, unknown> = useSearch({ strict: false });
  const query = useQuery({ ...traceQuery(project?.id ?? "", traceId, text(search.at)), enabled: project !== undefined });
  if (query.data !== undefined && project !== undefined) return <Loaded key={traceId} trace={query.data} projectId={project.id} />;
  if (query.isError) return <ErrorState failure={asApiError(query.error)} onRetry={() => void query.refetch()} />;
  return <Loading />;
}
