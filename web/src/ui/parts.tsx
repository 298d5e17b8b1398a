/** Small parts without domain words. */
import { Button, Tooltip, ActionIcon } from "@mantine/core";
import {
  IconAlertTriangleFilled,
  IconCheck,
  IconCircleCheckFilled,
  IconCircleMinus,
  IconCopy,
  IconExclamationCircleFilled,
  IconProgress,
} from "@tabler/icons-react";
import { useEffect, useState, type ReactNode } from "react";
import { copyText } from "@/lib/clipboard";
import { basePath } from "@/lib/base";
import { sentence } from "@/lib/format";
import classes from "./parts.module.css";
import { announce } from "./toast";

export type Tone = "ok" | "warn" | "error" | "unknown" | "busy";

const TONE_ICONS = {
  ok: IconCircleCheckFilled,
  warn: IconAlertTriangleFilled,
  error: IconExclamationCircleFilled,
  unknown: IconCircleMinus,
  busy: IconProgress,
} as const;

/** A state by colour, shape and word; never by colour alone. */
export function Badge({ tone, children, quiet = false, title }: { tone: Tone; children: ReactNode; quiet?: boolean; title?: string }) {
  const Icon = TONE_ICONS[tone];
  return (
    <span className={`${classes.badge} ${classes[tone]} ${quiet ? classes.quiet : ""}`} title={title}>
      <Icon size={14} aria-hidden />
      <span>{children}</span>
    </span>
  );
}

export function Tag({ children, mono = false, title }: { children: ReactNode; mono?: boolean; title?: string }) {
  return (
    <span className={`${classes.tag} ${mono ? classes.mono : ""}`} title={title}>
      {children}
    </span>
  );
}

/** A name with the colour that it has everywhere. */
export function ColourName({ colour, children, title }: { colour: string; children: ReactNode; title?: string }) {
  return (
    <span className={classes.name} title={title}>
      <span className={classes.dot} style={{ background: colour }} aria-hidden />
      <span>{children}</span>
    </span>
  );
}

export function Kbd({ children }: { children: ReactNode }) {
  return <kbd className={classes.kbd}>{children}</kbd>;
}

export function Panel({ children, className, label }: { children: ReactNode; className?: string | undefined; label?: string }) {
  return (
    <section className={`${classes.panel} ${className ?? ""}`} aria-label={label}>
      {children}
    </section>
  );
}

export function PanelHead({ title, note, children }: { title: ReactNode; note?: ReactNode; children?: ReactNode }) {
  return (
    <header className={classes.panelHead}>
      <h2>
        {title} {note !== undefined && <span className={classes.panelNote}>{note}</span>}
      </h2>
      {children}
    </header>
  );
}

export function Skeleton({ width = "100%", height = 12 }: { width?: number | string; height?: number | string }) {
  return <span className={classes.skeleton} style={{ width, height }} aria-hidden />;
}

export function CopyButton({ text, label, size = 28 }: { text: string | (() => string); label: string; size?: number }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = window.setTimeout(() => setDone(false), 1500);
    return () => window.clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    const worked = await copyText(typeof text === "string" ? text : text());
    setDone(worked);
    announce(worked ? "Copied" : "The browser did not allow copying");
  };
  return (
    <Tooltip label={done ? "Copied" : label}>
      <ActionIcon size={size} aria-label={label} onClick={() => void copy()}>
        {done ? <IconCheck size={15} color="var(--ok)" /> : <IconCopy size={15} />}
      </ActionIcon>
    </Tooltip>
  );
}

/** What is shown this once, to be copied. */
export function ShownOnce({ text, label }: { text: string; label: string }) {
  return (
    <div className={classes.once}>
      <code>{text}</code>
      <CopyButton text={text} label={label} />
    </div>
  );
}

export interface Failure {
  title: string;
  message: string;
  code: string;
  requestId: string;
  docs: string;
}

function FailureMeta({ failure }: { failure: Failure }) {
  return (
    <>
      <span>
        Code <code>{failure.code}</code>
      </span>
      {failure.requestId !== "" && (
        <span>
          Request <code>{failure.requestId}</code>
        </span>
      )}
      {failure.docs !== "" && (
        <a href={basePath + failure.docs.replace(/^\//, "")} target="_blank" rel="noreferrer">
          What this means
        </a>
      )}
    </>
  );
}

/** A failure in place of what could not be shown. */
export function ErrorState({ failure, onRetry }: { failure: Failure; onRetry?: () => void }) {
  return (
    <div className={classes.state} role="alert">
      <span className={classes.stateIcon} data-tone="error">
        <IconExclamationCircleFilled size={20} aria-hidden />
      </span>
      <h1>{failure.title}</h1>
      <p>{sentence(failure.message)}</p>
      <div className={classes.stateMeta}>
        <FailureMeta failure={failure} />
      </div>
      {onRetry !== undefined && (
        <div className={classes.stateActions}>
          <Button variant="default" onClick={onRetry}>
            Try again
          </Button>
        </div>
      )}
    </div>
  );
}

/** A failure above what is still shown. */
export function ErrorNote({ failure, kept, children }: { failure: Failure; kept?: string; children?: ReactNode }) {
  return (
    <div className={classes.alert} role="alert">
      <IconExclamationCircleFilled size={18} aria-hidden />
      <div className={classes.alertBody}>
        <div className={classes.alertTitle}>{failure.title}</div>
        <div>
          {sentence(failure.message)} {kept}
        </div>
        <div className={classes.alertMeta}>
          <FailureMeta failure={failure} />
        </div>
        {children}
      </div>
    </div>
  );
}

export function EmptyState({ icon, title, children, actions }: { icon: ReactNode; title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className={classes.state}>
      <span className={classes.stateIcon}>{icon}</span>
      <h2>{title}</h2>
      {children}
      {actions !== undefined && <div className={classes.stateActions}>{actions}</div>}
    </div>
  );
}

/** Code to run, in one or several languages. */
export function Snippet({ variants }: { variants: readonly { name: string; code: string }[] }) {
  const [chosen, choose] = useState(0);
  const shown = variants[chosen] ?? variants[0];
  if (shown === undefined) return null;
  return (
    <div className={classes.snippet}>
      <div className={classes.snippetHead}>
        <div className={classes.snippetTabs} role={variants.length > 1 ? "tablist" : undefined}>
          {variants.length === 1
            ? shown.name
            : variants.map((variant, index) => (
                <button
                  key={variant.name}
                  type="button"
                  role="tab"
                  aria-selected={index === chosen}
                  className={classes.snippetTab}
                  onClick={() => choose(index)}
                >
                  {variant.name}
                </button>
              ))}
        </div>
        <CopyButton text={shown.code} label={`Copy ${shown.name}`} />
      </div>
      <pre tabIndex={0}>{shown.code}</pre>
    </div>
  );
}

/** Names and values; absent ones are left out by the caller. */
export function Fields({ rows }: { rows: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className={classes.fields}>
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export interface TabItem<T extends string> {
  id: T;
  label: string;
  tone?: Tone;
}

export function Tabs<T extends string>({ items, value, onChange, label }: { items: readonly TabItem<T>[]; value: T; onChange: (id: T) => void; label: string }) {
  const move = (step: number) => {
    const at = items.findIndex((item) => item.id === value);
    const next = items[(at + step + items.length) % items.length];
    if (next !== undefined) onChange(next.id);
  };
  return (
    <div
      className={classes.tabs}
      role="tablist"
      aria-label={label}
      onKeyDown={(event) => {
        const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
        if (step === 0) return;
        move(step);
        const list = event.currentTarget;
        requestAnimationFrame(() => list.querySelector<HTMLElement>("[aria-selected=true]")?.focus());
      }}
    >
      {items.map((item) => (
        <button
          key={item.id}
          type="button"
          role="tab"
          id={`tab-${item.id}`}
          aria-selected={item.id === value}
          aria-controls={`panel-${item.id}`}
          tabIndex={item.id === value ? 0 : -1}
          className={classes.tab}
          onClick={() => onChange(item.id)}
        >
          {item.tone === "error" && <IconExclamationCircleFilled size={14} color="var(--error)" aria-hidden />}
          {item.label}
        </button>
      ))}
    </div>
  );
}

export function Actions({ children }: { children: ReactNode }) {
  return <div className={classes.actions}>{children}</div>;
}

export { classes as partStyles };
