import { Button } from "@mantine/core";
import { useEffect, useRef, type ReactNode } from "react";
import type { ActivityQuery } from "@/api/queries";
import type { ActivityOrder } from "@/api/types";
import { ColumnHead, onRow, useWalk } from "@/ui/grid";
import grid from "@/ui/grid.module.css";
import { Skeleton } from "@/ui/parts";
import classes from "./activity.module.css";

export interface Column<T> {
  label: string;
  /** A track of the CSS grid. */
  width: string;
  sort?: ActivityOrder;
  right?: boolean;
  /** Left out where there is little room. */
  spare?: boolean;
  render: (item: T) => ReactNode;
}

interface Props<T> {
  label: string;
  items: readonly T[];
  columns: readonly Column<T>[];
  idOf: (item: T) => string;
  filter: ActivityQuery;
  onSort: (sort: ActivityOrder) => void;
  opened?: string | undefined;
  onOpen: (item: T) => void;
  loading: boolean;
  more: (() => void) | undefined;
  busy: boolean;
}

/** A list that is walked through with J and K and opened with Enter. */
export function ActivityTable<T>({ label, items, columns, idOf, filter, onSort, opened, onOpen, loading, more, busy }: Props<T>) {
  const rows = useRef<HTMLDivElement>(null);
  const openedAt = opened === undefined ? -1 : items.findIndex((item) => idOf(item) === opened);
  const open = (index: number) => {
    const item = items[index];
    if (item !== undefined) onOpen(item);
  };
  const { at, choose } = useWalk({ count: items.length, open, openedAt, follows: openedAt >= 0 });
  useEffect(() => {
    rows.current?.querySelector("[data-selected]")?.scrollIntoView({ block: "nearest" });
  }, [at]);
  const tracks = { "--tracks": columns.map((column) => column.width).join(" "), "--few": columns.filter((column) => column.spare !== true).map((column) => column.width).join(" ") } as React.CSSProperties;
  return (
    <div className={grid.scroller} tabIndex={0} style={tracks}>
      <div role="table" aria-label={label} aria-rowcount={more === undefined ? items.length + 1 : -1} className={classes.table}>
        <div className={`${grid.head} ${classes.tracks}`} role="row">
          {columns.map(({ label: head, sort, right, spare }) => (
            <ColumnHead key={head} label={head} right={right} className={spare === true ? classes.spare : undefined} order={sort !== undefined && sort === filter.sort ? filter.order : undefined} onSort={sort === undefined ? undefined : () => onSort(sort)} />
          ))}
        </div>
        <div role="rowgroup" ref={rows}>
          {items.map((item, index) => (
            <div
              key={idOf(item)}
              className={`${grid.row} ${classes.row} ${classes.tracks}`}
              role="row"
              aria-rowindex={index + 2}
              data-selected={index === at || undefined}
              onClick={(event) => {
                if (onRow(event)) {
                  choose(index);
                  onOpen(item);
                }
              }}
            >
              {columns.map((column) => (
                <div key={column.label} className={`${grid.cell} ${column.spare === true ? (classes.spare ?? "") : ""}`} role="cell" data-right={column.right}>
                  {column.render(item)}
                </div>
              ))}
            </div>
          ))}
        </div>
      </div>
      {loading && (
        <div className={classes.note}>
          <Skeleton height={160} />
        </div>
      )}
      {more !== undefined && (
        <div className={classes.after}>
          <Button variant="default" loading={busy} onClick={more}>
            Show more
          </Button>
        </div>
      )}
    </div>
  );
}
