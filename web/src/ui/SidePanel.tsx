import { CloseButton } from "@mantine/core";
import { useEffect, useRef, type ReactNode } from "react";
import { useKeys } from "@/lib/keys";
import classes from "./sidePanel.module.css";

interface Props {
  label: string;
  title: ReactNode;
  onClose: () => void;
  children: ReactNode;
}

/** More of one thing beside the list it is from; the list stays usable, and Escape leads back to it. */
export function SidePanel({ label, title, onClose, children }: Props) {
  const panel = useRef<HTMLElement>(null);
  const body = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    panel.current?.focus({ preventScroll: true });
    return () => {
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, []);
  useEffect(() => {
    body.current?.scrollTo({ top: 0 });
  }, [label]);
  useKeys({ Escape: onClose });
  return (
    <aside ref={panel} className={classes.panel} aria-label={label} tabIndex={-1}>
      <header className={classes.head}>
        <div className={classes.title}>{title}</div>
        <CloseButton aria-label="Close" title="Close  Esc" onClick={onClose} />
      </header>
      <div ref={body} className={classes.body} tabIndex={0} role="region" aria-label={`Details of ${label}`}>
        {children}
      </div>
    </aside>
  );
}
