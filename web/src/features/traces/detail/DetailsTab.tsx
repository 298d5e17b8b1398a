import { IconFilter } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useContext, useMemo, useState } from "react";
import type { SpanDetail } from "@/api/types";
import { duration } from "@/lib/format";
import { named, withCondition } from "@/lib/query";
import { withoutBinary } from "@/ui/json/model";
import { CopyButton, Fields, Tag } from "@/ui/parts";
import { Linked } from "../linked";
import { SessionLink, UserLink } from "../Named";
import { KIND_WORDS } from "./Waterfall";
import classes from "./span.module.css";

type Rows = (readonly [string, React.ReactNode])[];

const LONG_VALUE = 2_000;
const LONGEST_FILTER = 200;

/** A value as it was sent, the beginning of a long one; what is base64 in it is only named. */
function Value({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  const readable = useMemo(() => withoutBinary(text), [text]);
  const shown = whole || readable.length <= LONG_VALUE ? readable : readable.slice(0, LONG_VALUE);
  return (
    <>
      <code>{shown}</code>
      {shown !== readable && (
        <button type="button" className={classes.more} onClick={() => setWhole(true)}>
          all {readable.length.toLocaleString("en-US")} characters
        </button>
      )}
    </>
  );
}

function Copied({ text }: { text: string }) {
  return (
    <span className={classes.copied}>
      <code>{text}</code>
      <CopyButton text={text} label="Copy" size={22} />
    </span>
  );
}

function present(rows: readonly (readonly [string, string, React.ReactNode?])[]): Rows {
  return rows.filter(([, value]) => value !== "").map(([name, value, shown]) => [name, shown ?? value] as const);
}

/** Leads to the list of traces with the same value. */
function Alike({ field, value }: { field: string; value: string }) {
  const linked = useContext(Linked);
  if (!linked || value === "" || value.length > LONGEST_FILTER) return null;
  const label = `Traces with this ${field}`;
  return (
    <Link to={"/traces" as never} search={((before: Record<string, unknown>) => ({ project: before.project, q: withCondition(undefined, field, value) })) as never} className={classes.alike} aria-label={label} title={label}>
      <IconFilter size={13} />
    </Link>
  );
}

function Pairs({ title, field, values }: { title: string; field?: string; values: Record<string, string> }) {
  const entries = Object.entries(values).sort(([a], [b]) => a.localeCompare(b));
  if (entries.length === 0) return null;
  return (
    <section>
      <h2>{title}</h2>
      <Fields rows={entries.map(([name, value]) => [name, <span key={name}><Value text={value} />{field !== undefined && <Alike field={named(field, name)} value={value} />}</span>] as const)} />
    </section>
  );
}

/** What is odd about when the span was, in words; empty for most spans. */
function timing(span: SpanDetail): string {
  if (span.running) return "No end has come yet; the time goes until the last word.";
  if (span.abandoned) return "No end was ever said; closed because nothing came any more.";
  return "";
}

function skew(span: SpanDetail): string {
  return span.before_parent_ms > 0 ? `Starts ${duration(span.before_parent_ms)} before its parent, by the clocks of those who reported them` : "";
}

function prompt(span: SpanDetail): string {
  return span.prompt_version === "" ? span.prompt_name : `${span.prompt_name} (version ${span.prompt_version})`;
}

function Links({ span }: { span: SpanDetail }) {
  const linked = useContext(Linked);
  if (span.links.length === 0) return null;
  return (
    <section>
      <h2>Links</h2>
      <Fields
        rows={span.links.map((link, index) => [
          `Span ${link.span_id}`,
          linked ? (
            <Link key={index} to={"/traces/$traceId" as never} params={{ traceId: link.trace_id } as never} search={((before: Record<string, unknown>) => ({ project: before.project, span: link.span_id })) as never}>
              {link.trace_id}
            </Link>
          ) : (
            link.trace_id
          ),
        ] as const)}
      />
    </section>
  );
}

export function DetailsTab({ span, keyName }: { span: SpanDetail; keyName: (id: string) => string }) {
  return (
    <div className={classes.tab}>
      <section>
        <h2>{KIND_WORDS[span.kind]}</h2>
        <Fields
          rows={present([
            ["State", timing(span)],
            ["Clocks", skew(span)],
            ["Counted", span.wrapper ? "Not here: a model call below it carries the same usage, and is counted once." : ""],
            ["Level", span.level === "default" ? "" : span.level],
            ["Prompt", prompt(span)],
            ["Model asked for", span.model_requested],
            ["Model that answered", span.model_served],
            ["Route", span.alias],
            ["Account", span.account],
            ["Provider", span.provider],
            ["Operation", span.operation],
            ["Dialect", span.dialect],
            ["Outcome", span.outcome],
            ["Finish reason", span.finish_reason],
            ["HTTP status", span.http_status === 0 ? "" : String(span.http_status)],
            ["Virtual key", span.key_id === "" ? "" : keyName(span.key_id)],
            ["User", span.user_id, <UserLink key="u" user={span.user_id} />],
            ["Session", span.session_id, <SessionLink key="s" session={span.session_id} />],
            ["Environment", span.environment],
            ["Release", span.release],
            ["Version", span.version],
            ["Trace name", span.trace_name],
            ["Source", span.source],
            ["Request", span.request_id, <Copied key="r" text={span.request_id} />],
            ["Span", span.span_id, <Copied key="i" text={span.span_id} />],
            ["The source's own id", span.native_id, <Copied key="n" text={span.native_id} />],
            ["Tags", span.tags.join(", "), <span key="t" className={classes.tags}>{span.tags.map((tag) => <Tag key={tag}>{tag}</Tag>)}</span>],
          ])}
        />
      </section>
      <Links span={span} />
      <Pairs title="Metadata" field="metadata" values={span.metadata} />
      <Pairs title="Attributes" field="attributes" values={span.attributes} />
      <Pairs title="Resource" field="resource" values={span.resource} />
    </div>
  );
}

export function HeadersTab({ span }: { span: SpanDetail }) {
  const [side, setSide] = useState<"request" | "response">("request");
  const values = side === "request" ? span.request_headers : span.response_headers;
  return (
    <div className={classes.tab}>
      <div className={classes.sides} role="group" aria-label="Side">
        {(["request", "response"] as const).map((each) => (
          <button key={each} type="button" aria-pressed={side === each} onClick={() => setSide(each)}>
            {each === "request" ? "Request" : "Response"}
          </button>
        ))}
      </div>
      {Object.keys(values).length === 0 ? <p className={classes.quiet}>No {side} headers were recorded.</p> : <Pairs title="" values={values} />}
      <p className={classes.quiet}>Keys, cookies and other secrets are never recorded.</p>
    </div>
  );
}
