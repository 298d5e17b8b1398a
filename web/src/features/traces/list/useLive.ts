import { useEffect, useState } from "react";
import type { TraceQuery } from "@/api/queries";
import { followTraces, type LiveState } from "@/api/live";
import type { TraceSummary } from "@/api/types";
import { tellable } from "../conditions";

/** More are not kept; the list itself has them after a refresh. */
const MOST_WAITING = 500;

export interface LiveTail {
  state: LiveState | "off";
  /** Shown above the list, newest first. */
  shown: readonly TraceSummary[];
  /** Arrived and not shown yet. */
  waiting: readonly TraceSummary[];
  /** Whether more arrived than is kept here; a refresh shows them. */
  missed: boolean;
  /** Moves what waits into view; the reader decides when. */
  reveal: () => void;
}

interface Arrived {
  /** The list that the traces belong to; another filter begins anew. */
  list: string;
  shown: readonly TraceSummary[];
  waiting: readonly TraceSummary[];
  missed: boolean;
}

const nothing = (list: string): Arrived => ({ list, shown: [], waiting: [], missed: false });

/** New traces as they arrive, kept apart until the reader asks for them. */
export function useLive(project: string | undefined, filter: TraceQuery, list: string, on: boolean): LiveTail {
  const [state, setState] = useState<LiveState>("connecting");
  const [arrived, setArrived] = useState<Arrived>(() => nothing(list));
  const current = arrived.list === list ? arrived : nothing(list);
  useEffect(() => {
    if (!on || project === undefined) return;
    const fits = tellable(filter.q);
    return followTraces(project, {
      onState: setState,
      onLagged: () => setArrived((before) => ({ ...(before.list === list ? before : nothing(list)), missed: true })),
      onTrace: (trace) => {
        if (fits?.(trace) !== true) return;
        setArrived((before) => {
          const mine = before.list === list ? before : nothing(list);
          // A trace that grows is sent again: it replaces its older self.
          if (mine.shown.some((each) => each.trace_id === trace.trace_id)) {
            return { ...mine, shown: mine.shown.map((each) => (each.trace_id === trace.trace_id ? trace : each)) };
          }
          const others = mine.waiting.filter((each) => each.trace_id !== trace.trace_id);
          return { ...mine, waiting: [trace, ...others].slice(0, MOST_WAITING), missed: mine.missed || others.length >= MOST_WAITING };
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
    missed: on && current.missed,
    reveal: () => setArrived({ list, shown: [...current.waiting, ...current.shown], waiting: [], missed: false }),
  };
}
