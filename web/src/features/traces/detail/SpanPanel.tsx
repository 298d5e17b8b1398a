import { useMemo } from "react";
import type { SpanDetail } from "@/api/types";
import { advice, docsOf } from "@/features/reference";
import { JsonTree } from "@/ui/json/JsonTree";
import { ErrorNote, Tabs, type TabItem } from "@/ui/parts";
import { Conversation } from "./Conversation";
import { CostTab } from "./CostTab";
import { DetailsTab, HeadersTab } from "./DetailsTab";
import { EmbeddingView } from "./EmbeddingView";
import classes from "./span.module.css";
import { TimingTab } from "./TimingTab";

export const TAB_IDS = ["conversation", "raw", "cost", "timing", "headers", "details"] as const;
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

function Body({ span, tab, keyName }: { span: SpanDetail; tab: TabId; keyName: (id: string) => string }) {
  switch (tab) {
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

export function SpanPanel({ span, tab, onTab, keyName }: { span: SpanDetail; tab: TabId; onTab: (tab: TabId) => void; keyName: (id: string) => string }) {
  const items = useMemo((): TabItem<TabId>[] => {
    const called = span.kind === "llm" || span.kind === "embedding";
    const first = span.kind === "embedding" ? "Embeddings" : called ? "Conversation" : "Input & output";
    return [
      { id: "conversation", label: first },
      { id: "raw", label: "Raw" },
      { id: "cost", label: "Usage & cost" },
      { id: "timing", label: "Timing", ...(span.attempts.some((attempt) => (attempt.error_code ?? "") !== "") ? { tone: "error" as const } : {}) },
      { id: "headers", label: "Headers" },
      { id: "details", label: "Details" },
    ];
  }, [span]);
  return (
    <div className={classes.panel}>
      <Tabs items={items} value={tab} onChange={onTab} label="Parts of the span" />
      {(span.status === "error" || (span.status === "cancelled" && span.error_code !== "")) && <Failure span={span} />}
      <div className={classes.body} role="tabpanel" id={`panel-${tab}`} aria-labelledby={`tab-${tab}`} data-raw={tab === "raw" || undefined} tabIndex={0} key={`${span.span_id} ${tab}`}>
        <Body span={span} tab={tab} keyName={keyName} />
      </div>
    </div>
  );
}
