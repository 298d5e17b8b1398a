import { useRef, useState, type ReactNode } from "react";
import { recall, remember } from "@/lib/storage";
import classes from "./split.module.css";

const LEAST = 22;
const MOST = 72;
const isShare = (value: unknown): value is number => typeof value === "number" && value >= LEAST && value <= MOST;

/** Two panes with a divider that is dragged or moved by the arrow keys; one above the other when narrow. */
export function Split({ name, initial, first, second }: { name: string; initial: number; first: ReactNode; second: ReactNode }) {
  const [share, setShare] = useState(() => recall(`split.${name}`, isShare) ?? initial);
  const box = useRef<HTMLDivElement>(null);
  const settle = (next: number) => {
    const bounded = Math.min(MOST, Math.max(LEAST, next));
    setShare(bounded);
    remember(`split.${name}`, bounded);
  };
  return (
    <div className={classes.split} ref={box} style={{ "--share": `${share}%` } as React.CSSProperties}>
      <div className={classes.first}>{first}</div>
      <div
        className={classes.divider}
        role="separator"
        aria-orientation="vertical"
        aria-label="Width of the panes"
        aria-valuenow={Math.round(share)}
        aria-valuemin={LEAST}
        aria-valuemax={MOST}
        tabIndex={0}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={(event) => {
          const bounds = box.current?.getBoundingClientRect();
          if (!event.currentTarget.hasPointerCapture(event.pointerId) || bounds === undefined) return;
          settle(((event.clientX - bounds.left) / bounds.width) * 100);
        }}
        onDoubleClick={() => settle(initial)}
        onKeyDown={(event) => {
          if (event.key === "ArrowLeft") settle(share - 2);
          if (event.key === "ArrowRight") settle(share + 2);
        }}
      />
      <div className={classes.second}>{second}</div>
    </div>
  );
}
