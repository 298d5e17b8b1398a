import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Overview } from "@/api/types";
import { useRange } from "@/lib/useRange";
import { Chart, ChartSkeleton } from "@/ui/chart";
import { Panel } from "@/ui/parts";
import { charts } from "./charts";
import { steps } from "./figures";
import classes from "./overview.module.css";

const HEIGHT = 188;
/** Names beside the title; the tooltip has them all. */
const LEGEND = 3;

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
            <ul className={classes.legend}>
              {spec.series.slice(0, LEGEND).map((each) => (
                <li key={each.name} title={each.name}>
                  <i style={{ background: each.colour }} aria-hidden />
                  <span>{each.name}</span>
                </li>
              ))}
              {spec.series.length > LEGEND && <li title={spec.series.slice(LEGEND).map((each) => each.name).join("\n")}>+{spec.series.length - LEGEND}</li>}
            </ul>
          </header>
          <div className={classes.chartBody}>
            {spec.series.length === 0 ? (
              <div className={classes.noSeries} style={{ height: HEIGHT }}>
                No priced calls in this range
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
