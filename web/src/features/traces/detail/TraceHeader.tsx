import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconChevronDown, IconChevronUp, IconLink, IconTerminal2 } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { systemQuery } from "@/api/queries";
import type { SpanDetail, Trace, TraceSummary } from "@/api/types";
import { useProject } from "@/api/useProject";
import { absolute } from "@/lib/base";
import { copyText } from "@/lib/clipboard";
import { colourOf } from "@/lib/colour";
import { ago, cost, count, duration, exactDuration, exactMoney, exactTime, grouped, NONE, rate, UNPRICED } from "@/lib/format";
import { ColourName, CopyButton } from "@/ui/parts";
import { toast } from "@/ui/toast";
import { Status } from "../Status";
import { total } from "../usage";
import { asCurl, canCurl } from "./curl";
import type { Neighbours } from "./useNeighbours";
import classes from "./trace.module.css";

function Fact({ label, title, children, warn = false }: { label: string; title?: string; children: React.ReactNode; warn?: boolean }) {
  return (
    <div className={classes.fact} title={title} data-warn={warn || undefined}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Facts({ summary }: { summary: TraceSummary }) {
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

async function copy(text: string, said: string): Promise<void> {
  if (await copyText(text)) toast("ok", said);
  else toast("error", "The browser did not allow copying");
}

interface Props {
  trace: Trace;
  call: SpanDetail | undefined;
  neighbours: Neighbours;
  go: (trace: TraceSummary | undefined) => void;
}

export function TraceHeader({ trace, call, neighbours, go }: Props) {
  const { summary } = trace;
  const { data: system } = useQuery(systemQuery);
  const project = useProject();
  const startedAt = new Date(summary.started_at);
  const link = absolute(`/traces/${encodeURIComponent(summary.trace_id)}?project=${encodeURIComponent(project?.id ?? "")}&at=${encodeURIComponent(summary.started_at)}`);
  return (
    <header className={classes.header}>
      <div className={classes.titleRow}>
        <h1 title={summary.name}>{summary.name}</h1>
        <Status status={summary.status} code={summary.error_code} />
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
        <Button variant="default" aria-label="Copy link" leftSection={<IconLink size={14} />} onClick={() => void copy(link, "Link copied")}>
          <span className={classes.buttonText}>Copy link</span>
        </Button>
        {call !== undefined && canCurl(call) && (
          <Button variant="default" aria-label="Copy as curl" leftSection={<IconTerminal2 size={14} />} onClick={() => void copy(asCurl(call, system?.gateway_url ?? "http://127.0.0.1:4000"), "Command copied")}>
            <span className={classes.buttonText}>Copy as curl</span>
          </Button>
        )}
      </div>
      <div className={classes.factRow}>
        <Facts summary={summary} />
        <div className={classes.meta}>
          {summary.models.slice(0, 3).map((model) => (
            <ColourName key={model} colour={colourOf(model)}>
              {model}
            </ColourName>
          ))}
          {summary.models.length > 3 && <span title={summary.models.slice(3).join("\n")}>+{summary.models.length - 3}</span>}
          <time dateTime={summary.started_at} title={exactTime(startedAt)}>
            {ago(startedAt, new Date())}
          </time>
          <span className={classes.traceId} title={summary.trace_id}>
            <code>{summary.trace_id.slice(0, 12)}</code>
            <CopyButton text={summary.trace_id} label="Copy trace id" size={22} />
          </span>
        </div>
      </div>
    </header>
  );
}
