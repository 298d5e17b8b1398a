import { Link, useElementScrollRestoration, useNavigate } from "@tanstack/react-router";
import { getCoreRowModel, useReactTable, type Header } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef } from "react";
import type { TraceQuery } from "@/api/queries";
import type { SortField, TraceSummary } from "@/api/types";
import { useKeys } from "@/lib/keys";
import { ColumnHead, onRow, useWalk } from "@/ui/grid";
import grid from "@/ui/grid.module.css";
import { Skeleton } from "@/ui/parts";
import { COLUMNS, type Cells } from "./columns";
import classes from "./list.module.css";
import type { useLayout } from "./useLayout";

const ROW_PX = 32;
const PICK_PX = 28;
const SCROLL_ID = "traces";

interface Props {
  traces: readonly TraceSummary[];
  filter: TraceQuery;
  layout: ReturnType<typeof useLayout>;
  keyName: (id: string) => string;
  commentsOf: (traceId: string) => number;
  loading: boolean;
  hasMore: boolean;
  loadMore: () => void;
  onSort: (sort: SortField) => void;
  /** Ids of the traces that are picked out to be compared. */
  picked: readonly string[];
  onPick: (trace: TraceSummary) => void;
  children?: React.ReactNode;
}

type Meta = (typeof COLUMNS)[number]["meta"];

function HeaderCell({ header, filter, onSort }: { header: Header<TraceSummary, unknown>; filter: TraceQuery; onSort: (sort: SortField) => void }) {
  const { label, sort, right } = header.column.columnDef.meta as Meta;
  return (
    <ColumnHead label={label} right={right} order={sort !== undefined && sort === filter.sort ? filter.order : undefined} onSort={sort === undefined ? undefined : () => onSort(sort)}>
      <div
        className={grid.grip}
        aria-hidden
        onMouseDown={header.getResizeHandler()}
        onTouchStart={header.getResizeHandler()}
        onDoubleClick={() => header.column.resetSize()}
      />
    </ColumnHead>
  );
}

export function traceSearch(trace: Pick<TraceSummary, "started_at">) {
  return ((before: Record<string, unknown>) => ({ project: before.project, range: before.range, from: before.from, to: before.to, at: trace.started_at })) as never;
}

export function TraceTable({ traces, filter, layout, keyName, commentsOf, loading, hasMore, loadMore, onSort, picked, onPick, children }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const navigate = useNavigate();
  const restored = useElementScrollRestoration({ id: SCROLL_ID });
  const data = useMemo(() => [...traces], [traces]);
  const columns = useMemo(() => [...COLUMNS], []);
  const table = useReactTable({
    data,
    columns,
    getCoreRowModel: getCoreRowModel(),
    columnResizeMode: "onChange",
    state: { columnVisibility: layout.visibility, columnSizing: layout.sizing },
    onColumnVisibilityChange: layout.setVisibility,
    onColumnSizingChange: layout.setSizing,
  });
  const virtual = useVirtualizer({ count: traces.length, getScrollElement: () => scroller.current, estimateSize: () => ROW_PX, overscan: 12, initialOffset: restored?.scrollY ?? 0 });
  const items = virtual.getVirtualItems();
  const lastShown = items[items.length - 1]?.index ?? 0;
  useEffect(() => {
    if (hasMore && lastShown >= traces.length - 20) loadMore();
  }, [hasMore, lastShown, traces.length, loadMore]);

  const cells: Cells = useMemo(() => ({ keyName, commentsOf, now: new Date(), longestMs: Math.max(...traces.map((trace) => trace.duration_ms), 0) }), [keyName, commentsOf, traces]);
  const open = (trace: TraceSummary | undefined) => {
    if (trace !== undefined) void navigate({ to: "/traces/$traceId", params: { traceId: trace.trace_id }, search: traceSearch(trace) } as never);
  };
  const { at } = useWalk({ count: traces.length, open: (index) => open(traces[index]), show: virtual.scrollToIndex });
  useKeys({
    x: () => {
      const trace = traces[at];
      if (trace !== undefined) onPick(trace);
    },
  });

  const headers = table.getHeaderGroups()[0]?.headers ?? [];
  const template = `${PICK_PX}px ${columnTemplate(headers, layout.sizing)}`;
  const width = table.getTotalSize() + PICK_PX;
  return (
    <div className={grid.scroller} ref={scroller} data-scroll-restoration-id={SCROLL_ID} role="table" aria-label="Traces" aria-rowcount={hasMore ? -1 : traces.length + 1} tabIndex={0}>
      <div className={grid.head} role="row" style={{ gridTemplateColumns: template, minWidth: width }}>
        <div className={grid.headCell} role="columnheader">
          <span className="hidden-visually">Picked to compare</span>
        </div>
        {headers.map((header) => (
          <HeaderCell key={header.id} header={header} filter={filter} onSort={onSort} />
        ))}
      </div>
      {children}
      <div role="rowgroup" style={{ height: virtual.getTotalSize(), minWidth: width, position: "relative" }}>
        {items.map((item) => {
          const trace = traces[item.index];
          if (trace === undefined) return null;
          return (
            <div
              key={trace.trace_id}
              className={grid.row}
              role="row"
              aria-rowindex={item.index + 2}
              data-selected={item.index === at || undefined}
              data-failed={trace.status === "error" || undefined}
              style={{ gridTemplateColumns: template, transform: `translateY(${item.start}px)` }}
              onClick={(event) => {
                if (onRow(event)) open(trace);
              }}
            >
              <div role="cell" className={classes.pick} onClick={(event) => event.stopPropagation()}>
                <label title="Pick to compare  X">
                  <input type="checkbox" aria-label={`Pick ${trace.name} to compare`} checked={picked.includes(trace.trace_id)} onChange={() => onPick(trace)} />
                </label>
              </div>
              {headers.map((header) => {
                const { render, right } = header.column.columnDef.meta as Meta;
                const content = render(trace, cells);
                return (
                  <div key={header.id} className={grid.cell} role="cell" data-right={right}>
                    {header.id === "name" ? (
                      <Link to={"/traces/$traceId" as never} params={{ traceId: trace.trace_id } as never} search={traceSearch(trace)} className={classes.rowLink} preload={false}>
                        {content}
                      </Link>
                    ) : (
                      content
                    )}
                  </div>
                );
              })}
            </div>
          );
        })}
      </div>
      {loading && <RowsSkeleton template={template} columns={headers.length + 1} rows={traces.length === 0 ? 24 : 3} />}
    </div>
  );
}

/** Text columns share what is left over, unless the reader gave them a width. */
function columnTemplate(headers: readonly Header<TraceSummary, unknown>[], sizing: Record<string, number>): string {
  const widths = headers.map((header) => {
    const stretches = (header.column.columnDef.meta as Meta).stretch === true && sizing[header.id] === undefined;
    return { stretches, text: stretches ? `minmax(${header.getSize()}px, 1fr)` : `${header.getSize()}px` };
  });
  return widths.map((width) => width.text).join(" ") + (widths.some((width) => width.stretches) ? "" : " minmax(0, 1fr)");
}

function RowsSkeleton({ template, columns, rows }: { template: string; columns: number; rows: number }) {
  return (
    <div aria-hidden>
      {Array.from({ length: rows }, (_row, row) => (
        <div key={row} className={grid.ghost} style={{ gridTemplateColumns: template }}>
          {Array.from({ length: columns }, (_cell, cell) => (
            <div key={cell} className={grid.cell}>
              <Skeleton width={`${45 + ((row * 7 + cell * 13) % 45)}%`} height={10} />
            </div>
          ))}
        </div>
      ))}
    </div>
  );
}
