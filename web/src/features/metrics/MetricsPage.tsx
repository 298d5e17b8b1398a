import { Button } from "@mantine/core";
import { IconChartHistogram } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { asApiError } from "@/api/client";
import { metricsQuery, type MetricSplit } from "@/api/signals";
import type { MetricSummary } from "@/api/types";
import { useProject } from "@/api/useProject";
import { list, listOrNone, text } from "@/lib/search";
import { useRange } from "@/lib/useRange";
import { useSetSearch } from "@/lib/useSetSearch";
import { ChartSkeleton } from "@/ui/chart";
import { Choice, FilterRow, SearchField } from "@/ui/filters";
import { ErrorNote, ErrorState, Panel } from "@/ui/parts";
import { NoMatch, Teaching } from "@/ui/teaching";
import { MetricChart } from "./MetricChart";
import { MetricDetail } from "./MetricDetail";
import { arranged, attributesOf, bare, example, hasAll, idOf, measureOf, READY, unitName } from "./metrics";
import classes from "./metrics.module.css";
import { Narrow } from "./Narrow";

const HEIGHT = 180;
/** Charts of one section before the reader asks for more. */
const SECTION = 12;
const TOP = 8;

function NoMetrics() {
  return (
    <Teaching icon={<IconChartHistogram size={20} />} title="No metrics in this time range" variants={example(window.location.origin)}>
      <p>Any OpenTelemetry SDK or collector sends them here, with a key that has the permission to ingest. Those of model calls get charts of their own:</p>
    </Teaching>
  );
}

interface State {
  find: string | undefined;
  groupBy: string;
  where: string[];
  metric: string | undefined;
  measure: string | undefined;
}

/** What the page shows, from and to the address. */
function useShown(): State & { change: (part: Record<string, unknown>) => void } {
  const search: Record<string, unknown> = useSearch({ strict: false });
  const set = useSetSearch();
  const change = (part: Record<string, unknown>) => set(part, "find" in part);
  return { find: text(search.find), groupBy: text(search.group) ?? "", where: list(search.where), metric: text(search.metric), measure: text(search.measure), change };
}

/** A metric is split only by what it has; those of model calls are split in their own way until the reader says another. */
function splitOf(metric: MetricSummary, { groupBy, where }: State): MetricSplit {
  const wanted = groupBy === "" ? (READY[metric.name]?.groupBy ?? "") : groupBy;
  return { groupBy: metric.attributes.includes(wanted) ? wanted : "", where, top: TOP };
}

function Card({ project, metric, state, open }: { project: string; metric: MetricSummary; state: State; open: () => void }) {
  const ready = READY[metric.name];
  return (
    <Panel label={metric.name} className={classes.card}>
      <header className={classes.head}>
        <h3>
          <button type="button" onClick={open} title={`${metric.name}\n${metric.description}`}>
            {ready?.title ?? metric.name}
          </button>
        </h3>
        <span className={classes.kind}>
          {metric.kind}
          {metric.unit !== "" && metric.unit !== "1" && `, ${unitName(metric.unit)}`}
        </span>
      </header>
      <MetricChart project={project} metric={metric} measure={measureOf(metric, undefined)} split={splitOf(metric, state)} height={HEIGHT} />
    </Panel>
  );
}

function Section({ title, project, metrics, state, open }: { title: string; project: string; metrics: readonly MetricSummary[]; state: State; open: (metric: MetricSummary) => void }) {
  const [most, setMost] = useState(SECTION);
  if (metrics.length === 0) return null;
  return (
    <section aria-label={title}>
      <h2 className={classes.section}>
        {title} <span>{metrics.length}</span>
      </h2>
      <div className={classes.grid}>
        {metrics.slice(0, most).map((metric) => (
          <Card key={idOf(metric)} project={project} metric={metric} state={state} open={() => open(metric)} />
        ))}
      </div>
      {metrics.length > most && (
        <Button variant="default" className={classes.moreButton} onClick={() => setMost(most + SECTION)}>
          Show {Math.min(SECTION, metrics.length - most)} more of {metrics.length - most}
        </Button>
      )}
    </section>
  );
}

function Sections({ project, metrics, state, change }: { project: string; metrics: readonly MetricSummary[]; state: State; change: (part: Record<string, unknown>) => void }) {
  const { models, others } = arranged(metrics);
  const open = (metric: MetricSummary) => change({ metric: idOf(metric), measure: undefined });
  return (
    <>
      <Section title="Model calls" project={project} metrics={models} state={state} open={open} />
      <Section title={models.length === 0 ? "Metrics" : "Other metrics"} project={project} metrics={others} state={state} open={open} />
    </>
  );
}

export function MetricsPage() {
  const project = useProject();
  const id = project?.id ?? "";
  const range = useRange();
  const state = useShown();
  const { find, groupBy, where, metric: chosen, change } = state;
  const query = useQuery({ ...metricsQuery(id, range), enabled: project !== undefined });
  const all = query.data?.items ?? [];
  const words = (find ?? "").toLowerCase().split(/\s+/).filter((word) => word !== "");
  const shown = all.filter((metric) => hasAll(metric, where) && words.every((word) => `${metric.name} ${READY[metric.name]?.title ?? ""} ${metric.description}`.toLowerCase().includes(word)));
  const one = all.find((metric) => idOf(metric) === chosen);
  const attributes = attributesOf(one === undefined ? all : [one]);
  const body = () => {
    if (query.isError && query.data === undefined) return <ErrorState failure={asApiError(query.error)} onRetry={() => void query.refetch()} />;
    if (query.data === undefined) return <ChartSkeleton height={HEIGHT} />;
    if (one !== undefined) {
      return <MetricDetail project={id} metric={one} measure={measureOf(one, state.measure)} split={splitOf(one, state)} onMeasure={(measure) => change({ measure })} onBack={() => change({ metric: undefined, measure: undefined })} />;
    }
    if (all.length === 0) return <NoMetrics />;
    if (shown.length > 0) return <Sections project={id} metrics={shown} state={state} change={change} />;
    return (
      <NoMatch title="No metric fits" onClear={() => change({ find: undefined, where: undefined })}>
        <p>There may be one with another name or in a longer time range.</p>
      </NoMatch>
    );
  };
  return (
    <div className={classes.whole}>
      <h1 className="hidden-visually">Metrics</h1>
      <FilterRow search={<SearchField value={find ?? ""} onChange={(next) => change({ find: next, metric: undefined, measure: undefined })} label="Find a metric" placeholder="Find a metric" />}>
        <Choice label="Split by" values={attributes} chosen={groupBy === "" ? [] : [groupBy]} show={bare} onChange={(next) => change({ group: next[next.length - 1] })} none="Nothing to split by" />
        <Narrow project={id} metrics={one === undefined ? all : [one]} where={where} onChange={(next) => change({ where: listOrNone(next) })} />
      </FilterRow>
      <div className={classes.page}>
        {query.isError && query.data !== undefined && <ErrorNote failure={asApiError(query.error)} kept="What is below was loaded before." />}
        {body()}
        {query.data?.more === true && <p className={classes.foot}>Only the first {all.length.toLocaleString("en-US")} metrics are listed.</p>}
      </div>
    </div>
  );
}
