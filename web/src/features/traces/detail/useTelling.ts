import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { sourceOf, spanQuery } from "@/api/trace";
import type { TraceSummary } from "@/api/types";
import { firstInteresting } from "./tree";
import { useTree } from "./useTree";

/** The most telling span of a trace with its bodies, for whoever shows a trace as one thing. */
export function useTelling(project: string, trace: TraceSummary) {
  const source = useMemo(() => sourceOf(project, trace.trace_id, trace.started_at), [project, trace]);
  const { loaded, error } = useTree(source);
  const span = useQuery(spanQuery(source, loaded === null || loaded.loading ? "" : (firstInteresting(loaded.tree)?.span_id ?? "")));
  return { span: span.data, error: error ?? span.error };
}
