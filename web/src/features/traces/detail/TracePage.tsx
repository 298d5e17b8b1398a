import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { asApiError } from "@/api/client";
import { keysQuery } from "@/api/queries";
import { sourceOf, type TraceSource } from "@/api/trace";
import type { SpanDetail, TraceSummary } from "@/api/types";
import { useProject } from "@/api/useProject";
import { TraceComments, useTraceComments } from "@/features/comments";
import { useKeys } from "@/lib/keys";
import { text } from "@/lib/search";
import { ErrorState, Skeleton } from "@/ui/parts";
import { TraceBody } from "./TraceBody";
import { TraceHeader } from "./TraceHeader";
import classes from "./trace.module.css";
import { useNeighbours } from "./useNeighbours";
import { useTree, type LoadedTree } from "./useTree";

function Loaded({ source, loaded, projectId }: { source: TraceSource; loaded: LoadedTree; projectId: string }) {
  const navigate = useNavigate();
  const { data: keys } = useQuery(keysQuery(projectId));
  const keyName = useCallback((id: string) => keys?.find((key) => key.id === id)?.name ?? id, [keys]);
  const neighbours = useNeighbours(projectId, loaded.summary);
  const [span, setSpan] = useState<SpanDetail>();
  const traceId = loaded.summary.trace_id;
  const comments = useTraceComments(projectId, traceId);
  const go = (to: TraceSummary | undefined) => {
    if (to === undefined) return;
    void navigate({ to: "/traces/$traceId", params: { traceId: to.trace_id }, search: ((before: Record<string, unknown>) => ({ ...before, at: to.started_at, span: undefined })) } as never);
  };
  const onSpan = (id: string) => void navigate({ to: ".", replace: true, resetScroll: false, search: ((before: Record<string, unknown>) => ({ ...before, span: id })) as never });
  useKeys({
    "[": () => go(neighbours.previous),
    "]": () => go(neighbours.next),
  });
  const nameOf = (id: string) => loaded.tree.byId.get(id)?.span.name;
  const talk = {
    count: comments.items.length,
    panel: (spanId: string) => <TraceComments project={projectId} traceId={traceId} spanId={spanId} comments={comments} nameOf={nameOf} onSpan={onSpan} />,
  };
  return (
    <div className={classes.page}>
      <TraceHeader loaded={loaded} call={span} neighbours={neighbours} go={go} onSpan={onSpan} />
      <TraceBody source={source} loaded={loaded} keyName={keyName} onSpan={setSpan} talk={talk} />
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
  const at = text(search.at);
  const source = useMemo(() => (project === undefined ? null : sourceOf(project.id, traceId, at)), [project, traceId, at]);
  const { loaded, error, retry } = useTree(source);
  if (loaded !== null && source !== null && project !== undefined) return <Loaded key={traceId} source={source} loaded={loaded} projectId={project.id} />;
  if (error !== null) return <ErrorState failure={asApiError(error)} onRetry={() => void retry()} />;
  return <Loading />;
}
