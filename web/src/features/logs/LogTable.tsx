import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import type { LogView } from "@/api/types";
import { exactTime, NONE, timeOfDay } from "@/lib/format";
import { ColumnHead, onRow, useWalk } from "@/ui/grid";
import grid from "@/ui/grid.module.css";
import { Badge, Skeleton } from "@/ui/parts";
import { levelWord, lineOf, toneOf } from "./logs";
import { spanSearch } from "./LogPanel";
import classes from "./logs.module.css";

const ROW_PX = 32;
const HEADS = ["Time", "Severity", "Service", "Event", "Message", "Trace"] as const;
/** What goes where there is little room. */
const SPARE: Partial<Record<string, string>> = { Service: classes.spare, Event: classes.spare, Trace: classes.rare };

interface Props {
  logs: readonly LogView[];
  opened: string | undefined;
  onOpen: (id: string) => void;
  loading: boolean;
  loadMore: (() => void) | undefined;
}

function cells(log: LogView, now: Date) {
  const at = new Date(log.at);
  return [
    <time key="at" dateTime={log.at} title={exactTime(at)} className={classes.time}>
      {timeOfDay(at, now)}
    </time>,
    <Badge key="severity" tone={toneOf(log.severity)} quiet={log.severity < 13}>
      {log.severity_text || levelWord(log.severity)}
    </Badge>,
    <span key="service" title={log.resource["service.name"]}>{log.resource["service.name"] ?? NONE}</span>,
    <span key="name" title={log.name}>{log.name || NONE}</span>,
    <span key="line" title={lineOf(log)}>{lineOf(log)}</span>,
    log.trace_id === "" ? (
      <span key="trace" className={classes.none}>{NONE}</span>
    ) : (
      <Link key="trace" to={"/traces/$traceId" as never} params={{ traceId: log.trace_id } as never} search={spanSearch(log)} preload={false}>
        {log.trace_id.slice(0, 8)}
      </Link>
    ),
  ];
}

/** Log records newest first, walked through with J and K and opened with Enter. */
export function LogTable({ logs, opened, onOpen, loading, loadMore }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: logs.length, getScrollElement: () => scroller.current, estimateSize: () => ROW_PX, overscan: 12 });
  const items = virtual.getVirtualItems();
  const lastShown = items[items.length - 1]?.index ?? 0;
  useEffect(() => {
    if (loadMore !== undefined && lastShown >= logs.length - 20) loadMore();
  }, [loadMore, lastShown, logs.length]);
  const openedAt = opened === undefined ? -1 : logs.findIndex((log) => log.id === opened);
  const open = (index: number) => {
    const log = logs[index];
    if (log !== undefined) onOpen(log.id);
  };
  const { at, choose } = useWalk({ count: logs.length, open, openedAt, follows: openedAt >= 0, show: virtual.scrollToIndex });
  const now = new Date();
  return (
    <div className={grid.scroller} ref={scroller} role="table" aria-label="Log records" aria-rowcount={loadMore === undefined ? logs.length + 1 : -1} tabIndex={0}>
      <div className={`${grid.head} ${classes.tracks}`} role="row">
        {HEADS.map((head) => (
          <ColumnHead key={head} label={head} className={SPARE[head]} />
        ))}
      </div>
      <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {items.map((item) => {
          const log = logs[item.index];
          if (log === undefined) return null;
          return (
            <div
              key={log.id}
              className={`${grid.row} ${classes.tracks}`}
              role="row"
              aria-rowindex={item.index + 2}
              data-selected={item.index === at || undefined}
              data-failed={log.severity >= 17 || undefined}
              style={{ transform: `translateY(${item.start}px)` }}
              onClick={(event) => {
                if (!onRow(event)) return;
                choose(item.index);
                onOpen(log.id);
              }}
            >
              {cells(log, now).map((cell, index) => (
                <div key={HEADS[index]} className={`${grid.cell} ${SPARE[HEADS[index] ?? ""] ?? ""}`} role="cell">
                  {cell}
                </div>
              ))}
            </div>
          );
        })}
      </div>
      {loading && (
        <div className={classes.loading} aria-hidden>
          {Array.from({ length: logs.length === 0 ? 20 : 3 }, (_row, row) => (
            <Skeleton key={row} width={`${50 + ((row * 13) % 45)}%`} height={10} />
          ))}
        </div>
      )}
    </div>
  );
}
