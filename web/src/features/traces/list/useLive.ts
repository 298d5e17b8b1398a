import { useEffect, useState } from "react";
import type { TraceQuery } from "@/api/queries";
import { followTraces, type LiveState } from "@/api/live";
import type { TraceSummary } from "@/api/types";
import { fits } from "../filter";

/** More are not kept; the list itself has them after a refresh. */
export const MOST_WAITING = 500;

export interface LiveTail {
  state: LiveState | "off";
  /** Shown above the list, newest first. */
  shown: readonly TraceSummary[];
  /** Arrived and not shown yet. */
  waiting: readonly TraceSummary[];
  /** Moves what waits into view; the reader decides when. */
  reveal: () => void;
}

interface Arrived {
  /** The list that the traces belong to; another filter begins anew. */
  list: string;
  shown: readonly TraceSummary[];
  waiting: readonly TraceSummary[];
}

/** New traces as they arrive, kept apart until the reader asks for them. */
export function useLive(project: string | undefined, filter: TraceQuery, list: string, on: boolean): LiveTail {
  const [state, setState] = useState<LiveState>("connecting");
  const [arrived, setArrived] = useState<Arrived>({ list, shown: [], waiting: [] });
  const current = arrived.list === list ? arrived : { list, shown: [], waiting: [] };
  useEffect(() => {
    if (!on || project === undefined) return;
    return followTraces(project, {
      onState: setState,
      onTrace: (trace) => {
        if (!fits(trace, filter)) return;
        setArrived((before) => {
          const mine = before.list === list ? before : { list, shown: [], waiting: [] };
          // A trace that grows is sent again: it replaces its older self.
          if (mine.shown.some((each) => each.trace_id === trace.trace_id)) {
            return { ...mine, shown: mine.shown.map((each) => (each.trace_id === trace.trace_id ? trace : each)) };
          }
          const others = mine.waiting.filter((each) => each.trace_id !== trace.trace_id);
          return { ...mine, waiting: [trace, ...others].slice(0, MOST_WAITING) };
        });
      },
    });
    // The list's key stands for the filter's values.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [on, project, list]);
  return {
    state: on ? state : "off",
    shown: current.shown,
    waiting: on ? current.waiting : [],
    reveal: () => setArrived({ list, shown: [...current.waiting, ...current.shown], waiting: [] }),
  };
}
