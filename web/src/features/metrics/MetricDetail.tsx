import { Button } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import type { MetricSplit } from "@/api/signals";
import type { MetricFigures, MetricSummary } from "@/api/types";
import { ago, exactTime, grouped } from "@/lib/format";
import { FigureTable } from "@/ui/FigureTable";
import { Panel, Tag } from "@/ui/parts";
import { ExemplarTable } from "./ExemplarTable";
import { MetricChart } from "./MetricChart";
import { bare, groupWord, last, MEASURES, READY, unitName, writer } from "./metrics";
import classes from "./metrics.module.css";

const HEIGHT = 320;

/** The last figures of each group. */
function Groups({ metric, figures, split }: { metric: MetricSummary; figures: MetricFigures; split: MetricSplit }) {
  const measures = MEASURES[metric.kind].filter((each) => each.id !== "quantiles");
  return (
    <FigureTable label="Last figures">
      <thead>
        <tr>
          <th scope="col">{split.groupBy === "" ? "Last step" : bare(split.groupBy)}</th>
          {measures.map((measure) => (
            <th key={measure.id} scope="col">
              {measure.label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {figures.groups.map((group) => (
          <tr key={group.group}>
            <th scope="row">{split.groupBy === "" ? "all" : groupWord(group.group)}</th>
            {measures.map((measure) => {
              const value = last(group.values[measure.id]);
              return (
                <td key={measure.id} title={grouped(value)}>
                  {writer(metric, measure.id)(value)}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </FigureTable>
  );
}

interface Props {
  project: string;
  metric: MetricSummary;
  measure: string;
  split: MetricSplit;
  onMeasure: (measure: string) => void;
  onBack: () => void;
}

/** One metric with all that is known of it. */
export function MetricDetail({ project, metric, measure, split, onMeasure, onBack }: Props) {
  const now = new Date();
  const lastAt = new Date(metric.last_at);
  return (
    <>
      <div className={classes.titleRow}>
        <Button variant="subtle" color="gray" size="compact-sm" leftSection={<IconArrowLeft size={14} />} onClick={onBack}>
          All metrics
        </Button>
        <h2 className={classes.title} title={metric.name}>
          {READY[metric.name]?.title ?? metric.name}
        </h2>
      </div>
      <p className={classes.about}>
        <code>{metric.name}</code> <Tag>{metric.kind}</Tag> {metric.unit !== "" && <Tag title={metric.unit}>{unitName(metric.unit)}</Tag>}
        {metric.description !== "" && <span>{metric.description}</span>}
        <span title={exactTime(lastAt)}>
          {grouped(metric.point_count)} points, the last {ago(lastAt, now)}
        </span>
      </p>
      <Panel label={metric.name} className={classes.detail}>
        <div className={classes.measures} role="group" aria-label="What is drawn">
          {MEASURES[metric.kind].map((each) => (
            <button key={each.id} type="button" aria-pressed={each.id === measure} onClick={() => onMeasure(each.id)}>
              {each.label}
            </button>
          ))}
        </div>
        <MetricChart project={project} metric={metric} measure={measure} split={split} height={HEIGHT}>
          {(figures, exemplars) => (
            <>
              <div className={classes.groups}>
                <Groups metric={metric} figures={figures} split={split} />
              </div>
              {exemplars !== undefined && <ExemplarTable metric={metric} groupBy={split.groupBy} found={exemplars} />}
            </>
          )}
        </MetricChart>
      </Panel>
    </>
  );
}
