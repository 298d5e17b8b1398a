import { UnstyledButton } from "@mantine/core";
import { useMemo } from "react";
import type { FiguresTable, SavedChart } from "@/api/types";
import { grouped, tidy } from "@/lib/format";
import { Chart, ChartSkeleton, Legend } from "@/ui/chart";
import { FigureTable } from "@/ui/FigureTable";
import { Skeleton } from "@/ui/parts";
import classes from "./dashboards.module.css";
import { format, groupTitle, label, numeric, overTime, seriesOf, type Span } from "./figures";

const HEIGHT = 188;
const LEGEND = 3;
const BEHIND = "Show the traces behind it";

/** Where figures lead to. */
export interface Ways {
  /** Opens the traces of a stretch of time and of a group. */
  open: (span: Span | null, group?: string) => void;
  /** Looks at a stretch of time. */
  look: (from: Date, to: Date) => void;
}

interface Shown {
  chart: SavedChart;
  table: FiguresTable;
  span: Span;
  /** Names in place of ids. */
  named: (value: string | number | null | undefined) => string;
  /** Null where figures lead nowhere. */
  ways: Ways | null;
}

const Nothing = () => <div className={classes.nothing}>Nothing in this range</div>;

function Timed({ chart, table, span, named, ways }: Shown) {
  const { times, stepMs, series } = useMemo(() => seriesOf(chart, table, span, named), [chart, table, span, named]);
  const show = format(chart.measures[0] ?? "count");
  // Rows without a value are as little to draw as none.
  if (table.rows.every((row) => chart.measures.every((measure) => numeric(row[measure]) === null))) {
    return (
      <div className={classes.nothing} style={{ height: HEIGHT }}>
        Nothing in this range
      </div>
    );
  }
  return (
    <>
      {(series.length > 1 || chart.group_by !== "") && <Legend series={series} most={LEGEND} />}
      <Chart
        label={`${chart.title} over time`}
        times={times}
        stepMs={stepMs}
        series={series}
        format={show}
        axis={(value) => tidy(show(value))}
        most={chart.measures[0] === "error_rate" ? 1 : undefined}
        group="dashboard"
        height={HEIGHT}
        onSpan={ways === null ? undefined : (from, to) => ways.look(new Date(from), new Date(to))}
        onStep={ways === null ? undefined : (from, to) => ways.open({ from: new Date(from), to: new Date(to) })}
      />
    </>
  );
}

function Figure({ chart, table, ways }: Shown) {
  const measure = chart.measures[0] ?? "count";
  const value = numeric(table.rows[0]?.[measure]);
  const text = format(measure)(value);
  if (ways === null) {
    return (
      <div className={classes.number} title={grouped(value)}>
        {text}
      </div>
    );
  }
  return (
    <UnstyledButton className={classes.number} title={`${grouped(value)}\n${BEHIND}`} aria-label={`${chart.title}: ${text}, show traces`} onClick={() => ways.open(null)}>
      {text}
    </UnstyledButton>
  );
}

function Rows({ chart, table, named, ways }: Shown) {
  const grouping = chart.group_by !== "";
  if (table.rows.length === 0) return <Nothing />;
  return (
    <FigureTable label={chart.title}>
      <thead>
        <tr>
          {grouping && <th scope="col">{groupTitle(chart.group_by)}</th>}
          {chart.measures.map((measure) => (
            <th key={measure} scope="col" title={measure}>
              {label(measure, chart.source)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {table.rows.map((row, index) => (
          <tr key={index}>
            {grouping && (
              <th scope="row">
                {ways === null ? (
                  named(row[chart.group_by])
                ) : (
                  <UnstyledButton className={classes.group} title={BEHIND} onClick={() => ways.open(null, String(row[chart.group_by] ?? ""))}>
                    {named(row[chart.group_by])}
                  </UnstyledButton>
                )}
              </th>
            )}
            {chart.measures.map((measure) => (
              <td key={measure} title={grouped(numeric(row[measure]))}>
                {format(measure)(numeric(row[measure]))}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </FigureTable>
  );
}

/** What stands in the place of a chart until its figures are there, in its shape. */
export function Waiting({ chart }: { chart: Pick<SavedChart, "kind" | "measures"> }) {
  if (chart.kind === "number") return <Skeleton width={120} height={40} />;
  if (chart.kind !== "table") return <ChartSkeleton height={HEIGHT} />;
  return (
    <div className={classes.waiting} aria-hidden>
      {[52, 38, 64, 46].map((width) => (
        <div key={width}>
          <Skeleton width={`${width / 2}%`} />
          {chart.measures.map((measure) => (
            <Skeleton key={measure} width={44} />
          ))}
        </div>
      ))}
    </div>
  );
}

/** The figures of a chart, drawn. */
export function Drawn(shown: Shown) {
  if (overTime(shown.chart)) return <Timed {...shown} />;
  return shown.chart.kind === "number" ? <Figure {...shown} /> : <Rows {...shown} />;
}
