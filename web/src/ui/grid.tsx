/** What lists of rows have in common: heads that sort, rows that are walked through and opened. */
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { useState, type MouseEvent, type ReactNode } from "react";
import { useKeys } from "@/lib/keys";
import classes from "./grid.module.css";

export type Order = "asc" | "desc";

interface HeadProps {
  label: string;
  right?: boolean | undefined;
  title?: string | undefined;
  className?: string | undefined;
  /** In which order the list is sorted by this column, if it is. */
  order?: Order | undefined;
  /** Left out where the list cannot be sorted by it. */
  onSort?: (() => void) | undefined;
  children?: ReactNode;
}

export function ColumnHead({ label, right, title, className = "", order, onSort, children }: HeadProps) {
  const Arrow = order === "asc" ? IconArrowUp : IconArrowDown;
  return (
    <div className={`${classes.headCell} ${className}`} role="columnheader" data-right={right} title={title} aria-sort={order === undefined ? undefined : order === "asc" ? "ascending" : "descending"}>
      {onSort === undefined ? (
        <span>{label}</span>
      ) : (
        <button type="button" className={classes.sort} data-sorted={order !== undefined || undefined} onClick={onSort} title={title ?? `Sort by ${label.toLowerCase()}`}>
          {label}
          {order !== undefined && <Arrow size={12} aria-hidden />}
        </button>
      )}
      {children}
    </div>
  );
}

interface Walk {
  count: number;
  open: (index: number) => void;
  /** The row that is open beside the list; -1 for none of it. */
  openedAt?: number;
  /** Whether what is open beside the list follows the reader along it. */
  follows?: boolean;
  /** Brings a row into view. */
  show?: (index: number) => void;
}

/** The row that the reader is at, with J and K to walk on and Enter to open. */
export function useWalk({ count, open, openedAt = -1, follows = false, show }: Walk): { at: number; choose: (index: number) => void } {
  const [chosen, choose] = useState(-1);
  const at = openedAt >= 0 ? openedAt : Math.min(chosen, count - 1);
  const walk = (to: number) => {
    if (count === 0) return;
    choose(to);
    show?.(to);
    if (follows) open(to);
  };
  useKeys({
    j: () => walk(Math.min(at + 1, count - 1)),
    k: () => walk(Math.max(at - 1, 0)),
    Enter: () => {
      if (at >= 0) open(at);
    },
  });
  return { at, choose };
}

/** Whether a click in a row is one on the row: links have their own meaning, and so has marking text. */
export function onRow(event: MouseEvent): boolean {
  return event.target instanceof Element && event.target.closest("a") === null && window.getSelection()?.isCollapsed !== false;
}
