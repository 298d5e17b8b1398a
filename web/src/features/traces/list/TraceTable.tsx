import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { Link, useElementScrollRestoration, useNavigate } from "@tanstack/react-router";
import { getCoreRowModel, useReactTable, type Header } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import type { TraceQuery } from "@/api/queries";
import type { SortField, TraceSummary } from "@/api/types";
import { useKeys } from "@/lib/keys";
import { Skeleton } from "@/ui/parts";
import { COLUMNS, type Cells } from "./columns";
import classes from "./list.module.css";
import type { useLayout } from "./useLayout";

const ROW_PX = 32;
const SCROLL_ID = "traces";

interface Props {
  traces: readonly TraceSummary[];
  filter: TraceQuery;
  layout: ReturnType<typeof useLayout>;
  keyName: (id: string) => string;
  loading: boolean;
  hasMore: boolean;
  loadMore: () => void;
  onSort: (sort: SortField) => void;
  children?: React.ReactNode;
}

type Meta = (typeof COLUMNS)[number]["meta"];

function HeaderCell({ header, filter, onSort }: { header: Header<TraceSummary, unknown>; filter: TraceQuery; onSort: (sort: SortField) => void }) {
  const { label, sort, right } = header.column.columnDef.meta as Meta;
  const sorted = sort !== undefined && sort === filter.sort;
  const Arrow = filter.order === "asc" ? IconArrowUp : IconArrowDown;
  return (
    <div className={classes.headCell} role="columnheader" data-right={right} aria-sort={sorted ? (filter.order === "asc" ? "ascending" : "descending") : undefined}>
      {sort === undefined ? (
        <span>{label}</span>
      ) : (
        <button type="button" className={classes.sort} data-sorted={sorted || undefined} onClick={() => onSort(sort)} title={`Sort by ${label.toLowerCase()}`}>
          {label}
          {sorted && <Arrow size={12} aria-hidden />}
        </button>
      )}
      <div
        className={classes.grip}
        aria-hidden
        onMouseDown={header.getResizeHandler()}
        onTouchStart={header.getResizeHandler()}
        onDoubleClick={() => header.column.resetSize()}
      />
    </div>
  );
}

export function traceSearch(trace: Pick<TraceSummary, "started_at">) {
  return ((before: Record<string, unknown>) => ({ project: before.project, range: before.range, from: before.from, to: before.to, at: trace.started_at })) as never;
}

export function TraceTable({ traces, filter, layout, keyName, loading, hasMore, loadMore, onSort, children }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const navigate = useNavigate();
  const [selected, setSelected] = useState(-1);
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

  const cells: Cells = useMemo(() => ({ keyName, now: new Date(), longestMs: Math.max(...traces.map((trace) => trace.duration_ms), 0) }), [keyName, traces]);
  const open = (trace: TraceSummary | undefined) => {
    if (trace !== undefined) void navigate({ to: "/traces/$traceId", params: { traceId: trace.trace_id }, search: traceSearch(trace) } as never);
  };
  const move = (step: number) => {
    const next = Math.min(Math.max(selected + step, 0), traces.length - 1);
    setSelected(next);
    virtual.scrollToIndex(next);
  };
  useKeys({ j: () => move(1), k: () => move(-1), Enter: () => open(traces[selected]) });

  const headers = table.getHeaderGroups()[0]?.headers ?? [];
  const template = columnTemplate(headers, layout.sizing);
  const width = table.getTotalSize();
  return (
    <div className={classes.scroller} ref={scroller} data-scroll-restoration-id={SCROLL_ID} role="table" aria-label="Traces" aria-rowcount={hasMore ? -1 : traces.length + 1} tabIndex={0}>
      <div className={classes.head} role="row" style={{ gridTemplateColumns: template, minWidth: width }}>
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
              className={classes.row}
              role="row"
              aria-rowindex={item.index + 2}
              data-selected={item.index === selected || undefined}
              data-failed={trace.status === "error" || undefined}
              style={{ gridTemplateColumns: template, transform: `translateY(${item.start}px)` }}
              onClick={(event) => {
                if (event.target instanceof Element && event.target.closest("a") === null && window.getSelection()?.isCollapsed !== false) open(trace);
              }}
            >
              {headers.map((header) => {
                const { render, right } = header.column.columnDef.meta as Meta;
                const content = render(trace, cells);
                return (
                  <div key={header.id} className={classes.cell} role="cell" data-right={right}>
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
      {loading && <RowsSkeleton template={template} columns={headers.length} rows={traces.length === 0 ? 24 : 3} />}
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
        <div key={row} className={classes.ghost} style={{ gridTemplateColumns: template }}>
          {Array.from({ length: columns }, (_cell, cell) => (
            <div key={cell} className={classes.cell}>
              <Skeleton width={`${45 + ((row * 7 + cell * 13) % 45)}%`} height={10} />
            </div>
          ))}
        </div>
      ))}
    </div>
  );
}
