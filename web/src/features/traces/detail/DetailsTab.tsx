import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { SpanDetail } from "@/api/types";
import { CopyButton, Fields, Tag } from "@/ui/parts";
import { KIND_WORDS } from "./Waterfall";
import classes from "./span.module.css";

type Rows = (readonly [string, React.ReactNode])[];

function Copied({ text }: { text: string }) {
  return (
    <span className={classes.copied}>
      <code>{text}</code>
      <CopyButton text={text} label="Copy" size={22} />
    </span>
  );
}

function Listed({ name, value }: { name: string; value: string }) {
  return (
    <Link to={"/traces" as never} search={((before: Record<string, unknown>) => ({ project: before.project, range: before.range, [name]: value })) as never}>
      {value}
    </Link>
  );
}

function present(rows: readonly (readonly [string, string, React.ReactNode?])[]): Rows {
  return rows.filter(([, value]) => value !== "").map(([name, value, shown]) => [name, shown ?? value] as const);
}

function Pairs({ title, values }: { title: string; values: Record<string, string> }) {
  const entries = Object.entries(values).sort(([a], [b]) => a.localeCompare(b));
  if (entries.length === 0) return null;
  return (
    <section>
      <h2>{title}</h2>
      <Fields rows={entries.map(([name, value]) => [name, <code key={name}>{value}</code>] as const)} />
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
            ["User", span.user_id, <Listed key="u" name="user_id" value={span.user_id} />],
            ["Session", span.session_id, <Listed key="s" name="session_id" value={span.session_id} />],
            ["Environment", span.environment],
            ["Source", span.source],
            ["Request", span.request_id, <Copied key="r" text={span.request_id} />],
            ["Span", span.span_id, <Copied key="i" text={span.span_id} />],
            ["Tags", span.tags.join(", "), <span key="t" className={classes.tags}>{span.tags.map((tag) => <Tag key={tag}>{tag}</Tag>)}</span>],
          ])}
        />
      </section>
      <Pairs title="Metadata" values={span.metadata} />
      <Pairs title="Attributes" values={span.attributes} />
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
