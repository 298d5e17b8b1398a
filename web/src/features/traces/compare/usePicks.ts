import { useState } from "react";
import type { TraceSummary } from "@/api/types";

export type Picked = Pick<TraceSummary, "trace_id" | "started_at" | "name">;

/** The picks after one more choice: taken back when it was among them, and never more than two, the latest. */
export function pick(before: readonly Picked[], trace: Picked): readonly Picked[] {
  const others = before.filter((each) => each.trace_id !== trace.trace_id);
  return others.length < before.length ? others : [...others, trace].slice(-2);
}

/** The search of the page that compares two traces. */
export function compareSearch(a: Picked, b: Picked) {
  return ((before: Record<string, unknown>) => ({ project: before.project, a: a.trace_id, a_at: a.started_at, b: b.trace_id, b_at: b.started_at })) as never;
}

/** Traces that the reader picks out of a list to compare them. */
export function usePicks() {
  const [picked, setPicked] = useState<readonly Picked[]>([]);
  return { picked, toggle: (trace: Picked) => setPicked((before) => pick(before, trace)), clear: () => setPicked([]) };
}
