import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { asApiError } from "@/api/client";
import { metricExemplarsQuery, metricFiguresQuery, type MetricSplit } from "@/api/signals";
import type { MetricExemplars, MetricFigures, MetricSummary } from "@/api/types";
import { useRange } from "@/lib/useRange";
import { Chart, ChartSkeleton, Legend } from "@/ui/chart";
import { ErrorNote } from "@/ui/parts";
import { isMeasured, keyOf, pointsOf, spanSearch } from "./exemplars";
import { seriesOf, writer } from "./metrics";
import classes from "./metrics.module.css";

const LEGEND = 4;

interface Props {
  project: string;
  metric: MetricSummary;
  measure: string;
  split: MetricSplit;
  height: number;
  children?: (figures: MetricFigures, exemplars: MetricExemplars | undefined) => React.ReactNode;
}

/** One metric over time, and what its figures are otherwise shown as. */
export function MetricChart({ project, metric, measure, split, height, children }: Props) {
  const range = useRange();
  const { data, isFetching, isError, error } = useQuery(metricFiguresQuery(project, metric, split, range));
  const drawn = useMemo(() => (data === undefined ? null : seriesOf(data, measure, split.groupBy !== "")), [data, measure, split.groupBy]);
  const { data: exemplars } = useQuery({ ...metricExemplarsQuery(project, metric, split, range), enabled: (metric.exemplar_count ?? 0) > 0 });
  const points = useMemo(
    () => (data === undefined || exemplars === undefined || !isMeasured(metric.kind, measure) ? undefined : pointsOf(exemplars.items, data, split.groupBy !== "")),
    [data, exemplars, metric.kind, measure, split.groupBy],
  );
  const navigate = useNavigate();
  const open = (key: string) => {
    const chosen = exemplars?.items.find((each) => keyOf(each) === key);
    if (chosen !== undefined) void navigate({ to: "/traces/$traceId", params: { traceId: chosen.trace_id }, search: spanSearch(chosen) } as never);
  };
  const write = writer(metric, measure);
  return (
    <div aria-busy={isFetching}>
      {isError && <ErrorNote failure={asApiError(error)} />}
      {data === undefined || drawn === null ? (
        !isError && <ChartSkeleton height={height} />
      ) : drawn.series.length === 0 ? (
        <div className={classes.nothing} style={{ height }}>
          Nothing in this range
        </div>
      ) : (
        <>
          {drawn.series.length > 1 && <Legend series={drawn.series} most={LEGEND} more={data.more} />}
          <Chart
            label={`${metric.name} over time`}
            times={drawn.times}
            stepMs={drawn.stepMs}
            series={drawn.series}
            format={write}
            axis={write}
            group="metrics"
            height={height}
            onSpan={(from, to) => range.setSpan(new Date(from), new Date(to))}
            onStep={(from, to) => range.setSpan(new Date(from), new Date(to))}
            points={points}
            onPoint={open}
          />
          {children?.(data, exemplars)}
        </>
      )}
    </div>
  );
}
