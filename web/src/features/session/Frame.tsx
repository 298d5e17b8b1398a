import type { ReactNode } from "react";
import classes from "./session.module.css";

/** The calm page around a form of a person who is not signed in yet. */
export function Frame({ title, lead, children, foot }: { title: string; lead: string; children: ReactNode; foot?: ReactNode }) {
  return (
    <main className={classes.page}>
      <div className={classes.card}>
        <svg width={40} height={40} viewBox="0 0 32 32" aria-hidden>
          <rect width="32" height="32" rx="8" fill="var(--accent-solid)" />
          <g fill="none" stroke="#fff" strokeWidth="2.2" strokeLinecap="round">
            <circle cx="16" cy="16" r="6.4" />
            <path d="M16 5v5M16 22v5M5 16h5M22 16h5M8.2 8.2l3.4 3.4M20.4 20.4l3.4 3.4M23.8 8.2l-3.4 3.4M11.6 20.4l-3.4 3.4" />
          </g>
          <circle cx="16" cy="16" r="2.2" fill="#fff" />
        </svg>
        <h1>{title}</h1>
        <p className={classes.lead}>{lead}</p>
        {children}
      </div>
      {foot !== undefined && <p className={classes.foot}>{foot}</p>}
    </main>
  );
}
