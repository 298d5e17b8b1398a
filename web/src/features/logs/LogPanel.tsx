import { Link } from "@tanstack/react-router";
import type { LogView } from "@/api/types";
import { exactTime } from "@/lib/format";
import { JsonTree } from "@/ui/json/JsonTree";
import { withoutBinary } from "@/ui/json/model";
import { Badge, CopyButton, Fields } from "@/ui/parts";
import { SidePanel } from "@/ui/SidePanel";
import { levelWord, toneOf } from "./logs";
import classes from "./logs.module.css";

function Named({ title, values }: { title: string; values: Record<string, string> }) {
  const entries = Object.entries(values).sort(([a], [b]) => a.localeCompare(b));
  if (entries.length === 0) return null;
  return (
    <section className={classes.part}>
      <h3>{title}</h3>
      <Fields rows={entries.map(([name, value]) => [name, <code key={name}>{withoutBinary(value).slice(0, 4_000)}</code>] as const)} />
    </section>
  );
}

/** The search of the trace that a record belongs to, at its span. */
export function spanSearch(log: LogView) {
  return ((before: Record<string, unknown>) => ({ project: before.project, range: before.range, from: before.from, to: before.to, at: log.at, span: log.span_id === "" ? undefined : log.span_id })) as never;
}

/** All that a record holds. */
export function LogPanel({ log, onClose }: { log: LogView; onClose: () => void }) {
  const at = new Date(log.at);
  const isJson = /^\s*[[{]/.test(log.body);
  return (
    <SidePanel
      label="log record"
      title={
        <div className={classes.panelTitle}>
          <Badge tone={toneOf(log.severity)}>{log.severity_text || levelWord(log.severity)}</Badge>
          <h2>{log.name || "Log record"}</h2>
        </div>
      }
      onClose={onClose}
    >
      <p className={classes.when}>
        <time dateTime={log.at} title={exactTime(at)}>
          {at.toLocaleString()}
        </time>
        {log.trace_id !== "" && (
          <Link to={"/traces/$traceId" as never} params={{ traceId: log.trace_id } as never} search={spanSearch(log)}>
            {log.span_id === "" ? "Open its trace" : "Open its span"}
          </Link>
        )}
      </p>
      {log.body !== "" && (
        <section className={classes.part}>
          <h3>
            Body <CopyButton text={log.body} label="Copy body" size={24} />
          </h3>
          {isJson ? <JsonTree title="Body" text={log.body} bare /> : <pre className={classes.body}>{withoutBinary(log.body)}</pre>}
        </section>
      )}
      <Named title="Attributes" values={log.attributes} />
      <Named title="Sender" values={{ ...log.resource, ...(log.scope_name === "" ? {} : { scope: log.scope_name }) }} />
    </SidePanel>
  );
}
