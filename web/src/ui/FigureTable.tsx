import type { ReactNode } from "react";
import classes from "./figureTable.module.css";

/** Figures in columns, the first column what they are of; scrolls within itself. */
export function FigureTable({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className={classes.box} tabIndex={0} role="region" aria-label={label}>
      <table className={classes.table}>{children}</table>
    </div>
  );
}
