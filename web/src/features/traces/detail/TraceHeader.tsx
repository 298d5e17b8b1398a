import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconChevronDown, IconChevronUp, IconLink, IconTerminal2 } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { systemQuery } from "@/api/queries";
import type { SpanDetail, TraceSummary } from "@/api/types";
import { useProject } from "@/api/useProject";
import { ShareTrace } from "@/features/sharing";
import { absolute } from "@/lib/base";
import { copyText } from "@/lib/clipboard";
import { colourOf } from "@/lib/colour";
import { ago, cost, count, duration, exactDuration, exactMoney, exactTime, grouped, NONE, rate, UNPRICED } from "@/lib/format";
import { Badge, ColourName, CopyButton } from "@/ui/parts";
import { toast } from "@/ui/toast";
import { SessionLink, UserLink } from "../Named";
import { CompareButton } from "../compare/CompareButton";
import { Status } from "../Status";
import { total } from "../usage";
import { asCurl, canCurl } from "./curl";
import { Scores } from "./Scores";
import type { Neighbours } from "./useNeighbours";
import type { LoadedTree } from "./useTree";
import classes from "./trace.module.css";

const MODELS_NAMED = 3;

function Fact({ label, title, children, warn = false }: { label: string; title?: string; children: React.ReactNode; warn?: boolean }) {
  return (
    <div className={classes.fact} title={title} data-warn={warn || undefined}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Facts({ summary }: { summary: TraceSummary }) {
  const into = total(summary.usage, "in");
  const out = total(summary.usage, "out");
  const amount = cost(summary.cost_usd, summary.unpriced_count);
  return (
    <dl className={classes.facts}>
      <Fact label="Latency" title={exactDuration(summary.duration_ms)}>
        {duration(summary.duration_ms)}
      </Fact>
      <Fact label="TTFT" title={exactDuration(summary.ttft_ms)}>
        {duration(summary.ttft_ms)}
      </Fact>
      <Fact label="Tokens" title={`${grouped(into)} in, ${grouped(out)} out`}>
        {into + out === 0 ? NONE : `${count(into)} → ${count(out)}`}
      </Fact>
      <Fact label="Speed" title={grouped(summary.tokens_per_s)}>
        {rate(summary.tokens_per_s)}
      </Fact>
      <Fact label="Cost" warn={amount === UNPRICED} title={summary.cost_usd === null ? amount : `${exactMoney(summary.cost_usd)}${summary.unpriced_count > 0 ? `; ${summary.unpriced_count} calls unpriced` : ""}`}>
        {amount}
        {summary.cost_usd !== null && summary.unpriced_count > 0 && "*"}
      </Fact>
    </dl>
  );
}

/** The models of a trace, the first few by name. */
export function Models({ models }: { models: readonly string[] }) {
  return (
    <>
      {models.slice(0, MODELS_NAMED).map((model) => (
        <ColourName key={model} colour={colourOf(model)}>
          {model}
        </ColourName>
      ))}
      {models.length > MODELS_NAMED && <span title={models.slice(MODELS_NAMED).join("\n")}>+{models.length - MODELS_NAMED}</span>}
    </>
  );
}

async function copy(text: string, said: string): Promise<void> {
  if (await copyText(text)) toast("ok", said);
  else toast("error", "The browser did not allow copying");
}

interface Props {
  loaded: LoadedTree;
  call: SpanDetail | undefined;
  neighbours: Neighbours;
  go: (trace: TraceSummary | undefined) => void;
  onSpan: (spanId: string) => void;
}

export function TraceHeader({ loaded, call, neighbours, go, onSpan }: Props) {
  const { summary, scores, tree } = loaded;
  const { data: system } = useQuery(systemQuery);
  const project = useProject();
  const startedAt = new Date(summary.started_at);
  const link = absolute(`/traces/${encodeURIComponent(summary.trace_id)}?project=${encodeURIComponent(project?.id ?? "")}&at=${encodeURIComponent(summary.started_at)}`);
  return (
    <header className={classes.header}>
      <div className={classes.titleRow}>
        <h1 title={summary.name}>{summary.name}</h1>
        <Status status={summary.status} code={summary.error_code} />
        {summary.running === true && <Badge tone="unknown">running</Badge>}
        <span className={classes.spread} />
        <Tooltip label="Previous trace  [">
          <ActionIcon aria-label="Previous trace" disabled={neighbours.previous === undefined} onClick={() => go(neighbours.previous)}>
            <IconChevronUp size={16} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Next trace  ]">
          <ActionIcon aria-label="Next trace" disabled={neighbours.next === undefined} onClick={() => go(neighbours.next)}>
            <IconChevronDown size={16} />
          </ActionIcon>
        </Tooltip>
        <span className={classes.rule} />
        <CompareButton summary={summary} />
        <Button variant="default" aria-label="Copy link" leftSection={<IconLink size={14} />} onClick={() => void copy(link, "Link copied")}>
          <span className={classes.buttonText}>Copy link</span>
        </Button>
        <ShareTrace project={project?.id ?? ""} traceId={summary.trace_id} at={summary.started_at} />
        {call !== undefined && canCurl(call) && (
          <Button variant="default" aria-label="Copy as curl" leftSection={<IconTerminal2 size={14} />} onClick={() => void copy(asCurl(call, system?.gateway_url ?? "http://127.0.0.1:4000"), "Command copied")}>
            <span className={classes.buttonText}>Copy as curl</span>
          </Button>
        )}
      </div>
      <div className={classes.factRow}>
        <Facts summary={summary} />
        <div className={classes.meta}>
          <Models models={summary.models} />
          {summary.user_id !== "" && (
            <span className={classes.named}>
              User <UserLink user={summary.user_id} />
            </span>
          )}
          {summary.session_id !== "" && (
            <span className={classes.named}>
              Session <SessionLink session={summary.session_id} />
            </span>
          )}
          <time dateTime={summary.started_at} title={exactTime(startedAt)}>
            {ago(startedAt, new Date())}
          </time>
          <span className={classes.traceId} title={summary.trace_id}>
            <code>{summary.trace_id.slice(0, 12)}</code>
            <CopyButton text={summary.trace_id} label="Copy trace id" size={22} />
          </span>
        </div>
      </div>
      <Scores scores={scores} tree={tree} onSpan={onSpan} />
    </header>
  );
}
