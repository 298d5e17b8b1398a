import { useState } from "react";
import type { LogView, ScoreDetail, SpanDetail } from "@/api/types";
import { duration, exactTime } from "@/lib/format";
import { JsonTree } from "@/ui/json/JsonTree";
import { withoutBinary } from "@/ui/json/model";
import { Badge, Fields, type Tone } from "@/ui/parts";
import { valueOf } from "./scoreLines";
import classes from "./happened.module.css";

type Event = SpanDetail["events"][number];

const TRACE = "exception.stacktrace";
const ERROR_FROM = 17;
const WARNING_FROM = 13;

/** Attributes that the head of an exception says already. */
const SAID = new Set(["exception.type", "exception.message", TRACE]);

function When({ ms, startMs }: { ms: number; startMs: number }) {
  return (
    <time className={classes.when} title={exactTime(new Date(ms))}>
      {ms >= startMs ? `after ${duration(ms - startMs)}` : `${duration(startMs - ms)} before`}
    </time>
  );
}

function Values({ values }: { values: Record<string, string> }) {
  const entries = Object.entries(values).sort(([a], [b]) => a.localeCompare(b));
  if (entries.length === 0) return null;
  return <Fields rows={entries.map(([name, value]) => [name, <code key={name}>{withoutBinary(value).slice(0, 4_000)}</code>] as const)} />;
}

function EventCard({ event, startMs }: { event: Event; startMs: number }) {
  const attributes = event.attributes ?? {};
  const failed = event.name === "exception" || "exception.type" in attributes;
  const stack = attributes[TRACE] ?? "";
  return (
    <li className={classes.item} data-failed={failed || undefined}>
      <div className={classes.head}>
        <b>{failed ? (attributes["exception.type"] ?? "Exception") : event.name}</b>
        <When ms={event.at_ns / 1e6} startMs={startMs} />
      </div>
      {failed && (attributes["exception.message"] ?? "") !== "" && <p className={classes.text}>{attributes["exception.message"]}</p>}
      {stack !== "" && <pre className={classes.stack}>{stack}</pre>}
      <Values values={Object.fromEntries(Object.entries(attributes).filter(([name]) => !failed || !SAID.has(name)))} />
    </li>
  );
}

/** What happened at one moment inside the span, exceptions with their stack. */
export function EventsTab({ span }: { span: SpanDetail }) {
  const startMs = new Date(span.started_at).getTime();
  return (
    <div className={classes.tab}>
      <ol className={classes.list} aria-label="Events">
        {span.events.map((event, index) => (
          <EventCard key={index} event={event} startMs={startMs} />
        ))}
      </ol>
    </div>
  );
}

function tone(severity: number): Tone {
  return severity >= ERROR_FROM ? "error" : severity >= WARNING_FROM ? "warn" : "unknown";
}

function LogCard({ log, startMs, spanName, onSpan }: { log: LogView; startMs: number; spanName: string | undefined; onSpan: (id: string) => void }) {
  const [whole, setWhole] = useState(false);
  const isJson = /^\s*[[{]/.test(log.body);
  return (
    <li className={classes.item}>
      <div className={classes.head}>
        <Badge tone={tone(log.severity)}>{log.severity_text || "log"}</Badge>
        {log.name !== "" && <b>{log.name}</b>}
        <When ms={new Date(log.at).getTime()} startMs={startMs} />
        {spanName !== undefined && (
          <button type="button" className={classes.more} onClick={() => onSpan(log.span_id)}>
            {spanName}
          </button>
        )}
        <span className={classes.spread} />
        <button type="button" className={classes.more} aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? "Less" : "More"}
        </button>
      </div>
      {log.body !== "" && (isJson && whole ? <JsonTree title="Body" text={log.body} bare /> : <p className={classes.text}>{withoutBinary(log.body).slice(0, whole ? undefined : 400)}</p>)}
      {whole && <Values values={{ ...log.attributes, ...(log.scope_name === "" ? {} : { scope: log.scope_name }) }} />}
    </li>
  );
}

interface LogsProps {
  logs: readonly LogView[];
  /** Whether there are more than are here. */
  more: boolean;
  startMs: number;
  /** Of the span that a record belongs to; undefined where that needs not be said. */
  nameOf: (spanId: string) => string | undefined;
  onSpan: (spanId: string) => void;
}

/** Log records in the order of their times. */
export function LogList({ logs, more, startMs, nameOf, onSpan }: LogsProps) {
  return (
    <div className={classes.tab}>
      <ol className={classes.list} aria-label="Log records">
        {logs.map((log) => (
          <LogCard key={log.id} log={log} startMs={startMs} spanName={nameOf(log.span_id)} onSpan={onSpan} />
        ))}
      </ol>
      {more && <p className={classes.when}>Only the first {logs.length.toLocaleString("en-US")} of the trace are shown.</p>}
    </div>
  );
}

/** Scores of the span with what was said about them. */
export function ScoresTab({ scores }: { scores: readonly ScoreDetail[] }) {
  return (
    <div className={classes.tab}>
      <ol className={classes.list} aria-label="Scores of the span">
        {scores.map((score) => (
          <li key={score.id} className={classes.item}>
            <div className={classes.head}>
              <b>{score.name}</b>
              <strong>{valueOf(score)}</strong>
              <span className={classes.when}>
                {score.author === "" ? score.source : `${score.author} (${score.source})`}, <time title={exactTime(new Date(score.at))}>{new Date(score.at).toLocaleString()}</time>
              </span>
            </div>
            {score.comment !== "" && <p className={classes.text}>{score.comment}</p>}
            <Values values={score.metadata} />
          </li>
        ))}
      </ol>
    </div>
  );
}
