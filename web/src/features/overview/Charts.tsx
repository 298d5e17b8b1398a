import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Overview } from "@/api/types";
import { useRange } from "@/lib/useRange";
import { Chart, ChartSkeleton, Legend } from "@/ui/chart";
import { Panel } from "@/ui/parts";
import { charts } from "./charts";
import { steps } from "./figures";
import classes from "./overview.module.css";

const HEIGHT = 188;
/** Names beside the title; the tooltip has them all. */
const LEGEND = 3;
const LONG_NAME = 12;

/** Long names leave room for two. */
function named(names: readonly string[]): number {
  return names.slice(0, LEGEND).some((name) => name.length > LONG_NAME) && names.length > LEGEND ? LEGEND - 1 : LEGEND;
}

export function Charts({ overview }: { overview: Overview }) {
  const range = useRange();
  const navigate = useNavigate();
  const { times, stepMs } = useMemo(() => steps(overview), [overview]);
  const specs = useMemo(() => charts(overview), [overview]);
  return (
    <div className={classes.charts}>
      {specs.map((spec) => (
        <Panel key={spec.id} label={spec.title}>
          <header className={classes.chartHead}>
            <h2>{spec.title}</h2>
            <Legend series={spec.series} most={named(spec.series.map((each) => each.name))} />
          </header>
          <div className={classes.chartBody}>
            {spec.series.every(({ values }) => values.every((value) => value === null)) ? (
              <div className={classes.noSeries} style={{ height: HEIGHT }}>
                {spec.id !== "cost" ? "Nothing measured in this range" : overview.totals.unpriced > 0 ? "No call in this range has a known price" : "Nothing was spent in this range"}
              </div>
            ) : (
              <Chart
                label={`${spec.title} over time`}
                times={times}
                stepMs={stepMs}
                series={spec.series}
                format={spec.format}
                axis={spec.axis}
                group="overview"
                height={HEIGHT}
                onSpan={(from, to) => range.setSpan(new Date(from), new Date(to))}
                onStep={(from, to) =>
                  void navigate({
                    to: "/traces",
                    search: ((before: Record<string, unknown>) => ({
                      project: before.project,
                      model: before.model,
                      ...spec.link,
                      from: new Date(from).toISOString(),
                      to: new Date(to).toISOString(),
                    })) as never,
                  })
                }
              />
            )}
          </div>
        </Panel>
      ))}
    </div>
  );
}

export function ChartsSkeleton() {
  return (
    <div className={classes.charts} aria-hidden>
      {["Requests", "Latency", "Time to first token", "Output speed, tok/s", "Tokens", "Cost by model"].map((title) => (
        <Panel key={title}>
          <header className={classes.chartHead}>
            <h2>{title}</h2>
          </header>
          <div className={classes.chartBody}>
            <ChartSkeleton height={HEIGHT} />
          </div>
        </Panel>
      ))}
    </div>
  );
}
