import { useMemo, type ReactNode } from "react";
import type { LogList as LogPage, LogView, ScoreDetail, SpanDetail, TraceMedium } from "@/api/types";
import { advice, docsOf } from "@/features/reference";
import { JsonTree } from "@/ui/json/JsonTree";
import { ErrorNote, Tabs, type TabItem } from "@/ui/parts";
import { Conversation } from "./Conversation";
import { CostTab } from "./CostTab";
import { DetailsTab, HeadersTab } from "./DetailsTab";
import { readDocuments, type DocumentList } from "./documents";
import { DocumentsTab } from "./DocumentsTab";
import { EmbeddingView } from "./EmbeddingView";
import { EventsTab, LogList, ScoresTab } from "./EventsTab";
import { mediaOf } from "./media";
import { MediaTab } from "./MediaTab";
import classes from "./span.module.css";
import { TimingTab } from "./TimingTab";

export const TAB_IDS = ["conversation", "documents", "media", "events", "logs", "scores", "comments", "raw", "cost", "timing", "headers", "details"] as const;
export type TabId = (typeof TAB_IDS)[number];

function Failure({ span }: { span: SpanDetail }) {
  const what = advice(span.error_code);
  const http = span.http_status === 0 ? "" : ` (HTTP ${span.http_status})`;
  return (
    <div className={classes.failure}>
      <ErrorNote
        failure={{
          title: span.status === "cancelled" ? "Cancelled by the client" : `Failed${http}`,
          message: span.error_detail || "No detail was recorded.",
          code: span.error_code || "unknown",
          requestId: span.request_id,
          docs: span.error_code === "" ? "" : docsOf(span.error_code),
        }}
      >
        {what !== "" && (
          <p className={classes.advice}>
            <b>What to do:</b> {what}
          </p>
        )}
      </ErrorNote>
    </div>
  );
}

/** What belongs to the span and is read apart from it. */
export interface Beside {
  documents: readonly DocumentList[];
  logs: readonly LogView[];
  moreLogs: boolean;
  scores: readonly ScoreDetail[];
  media: readonly TraceMedium[];
}

/** What people wrote beside the trace, where anybody may read it. */
export interface Talk {
  count: number;
  panel: (spanId: string) => ReactNode;
}

const NO_TABS: readonly TabId[] = [];

const nobody = () => undefined;

function Body({ span, tab, keyName, beside, talk }: { span: SpanDetail; tab: TabId; keyName: (id: string) => string; beside: Beside; talk: Talk | undefined }) {
  switch (tab) {
    case "documents":
      return <DocumentsTab lists={beside.documents} />;
    case "media":
      return <MediaTab media={beside.media} />;
    case "events":
      return <EventsTab span={span} />;
    case "logs":
      return <LogList logs={beside.logs} more={beside.moreLogs} startMs={new Date(span.started_at).getTime()} nameOf={nobody} onSpan={nobody} />;
    case "scores":
      return <ScoresTab scores={beside.scores} />;
    case "comments":
      return <div className={classes.tab}>{talk?.panel(span.span_id)}</div>;
    case "conversation":
      return span.kind === "embedding" || span.operation === "embeddings" ? <EmbeddingView span={span} /> : <Conversation span={span} />;
    case "raw":
      return (
        <div className={classes.raw}>
          <JsonTree title="Input" text={span.input} />
          <JsonTree title="Output" text={span.output} />
        </div>
      );
    case "cost":
      return <CostTab span={span} />;
    case "timing":
      return <TimingTab span={span} />;
    case "headers":
      return <HeadersTab span={span} />;
    case "details":
      return <DetailsTab span={span} keyName={keyName} />;
  }
}

interface Props {
  span: SpanDetail;
  tab: TabId;
  onTab: (tab: TabId) => void;
  keyName: (id: string) => string;
  logs: LogPage | undefined;
  scores: readonly ScoreDetail[];
  media?: readonly TraceMedium[] | undefined;
  talk?: Talk | undefined;
  /** Tabs that there is nothing to show on. */
  without?: readonly TabId[] | undefined;
}

/** A tab with how many things are on it; none without any. */
function counted(id: TabId, label: string, count: number, failed = false): TabItem<TabId>[] {
  return count === 0 ? [] : [{ id, label: `${label} ${count.toLocaleString("en-US")}`, ...(failed ? { tone: "error" as const } : {}) }];
}

export function SpanPanel({ span, tab: wanted, onTab, keyName, logs, scores, media, talk, without = NO_TABS }: Props) {
  const comments = talk?.count;
  const beside = useMemo(
    (): Beside => ({
      documents: readDocuments(span),
      logs: (logs?.items ?? []).filter((log) => log.span_id === span.span_id),
      moreLogs: logs?.more ?? false,
      scores: scores.filter((score) => score.span_id === span.span_id),
      media: mediaOf(span, media ?? []),
    }),
    [span, logs, scores, media],
  );
  const items = useMemo((): TabItem<TabId>[] => {
    const called = span.kind === "llm" || span.kind === "embedding";
    const first = span.kind === "embedding" ? "Embeddings" : called ? "Conversation" : "Input & output";
    const all: TabItem<TabId>[] = [
      { id: "conversation", label: first },
      ...counted("documents", "Documents", beside.documents.reduce((sum, list) => sum + list.documents.length, 0)),
      ...counted("media", "Media", beside.media.length),
      ...counted("events", "Events", span.events.length, span.events.some((event) => event.name === "exception")),
      ...counted("logs", "Logs", beside.logs.length, beside.logs.some((log) => log.severity >= 17)),
      ...counted("scores", "Scores", beside.scores.length),
      ...(comments === undefined ? [] : [{ id: "comments" as const, label: comments === 0 ? "Comments" : `Comments ${comments.toLocaleString("en-US")}` }]),
      { id: "raw", label: "Raw" },
      { id: "cost", label: "Usage & cost" },
      { id: "timing", label: "Timing", ...(span.attempts.some((attempt) => (attempt.error_code ?? "") !== "") ? { tone: "error" as const } : {}) },
      { id: "headers", label: "Headers" },
      { id: "details", label: "Details" },
    ];
    return all.filter((item) => !without.includes(item.id));
  }, [span, beside, comments, without]);
  // A span without such a thing has no such tab.
  const tab = items.some((item) => item.id === wanted) ? wanted : (items[0]?.id ?? "details");
  return (
    <div className={classes.panel}>
      <Tabs items={items} value={tab} onChange={onTab} label="Parts of the span" />
      {(span.status === "error" || (span.status === "cancelled" && span.error_code !== "")) && <Failure span={span} />}
      <div className={classes.body} role="tabpanel" id={`panel-${tab}`} aria-labelledby={`tab-${tab}`} data-raw={tab === "raw" || undefined} tabIndex={0} key={`${span.span_id} ${tab}`}>
        <Body span={span} tab={tab} keyName={keyName} beside={beside} talk={talk} />
      </div>
    </div>
  );
}
