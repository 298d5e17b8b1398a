import { ActionIcon, Menu, UnstyledButton } from "@mantine/core";
import { IconArrowLeft, IconArrowRight, IconDots, IconDownload, IconPencil, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { asApiError } from "@/api/client";
import { chartQuery } from "@/api/dashboards";
import { keysQuery } from "@/api/queries";
import type { FiguresTable, SavedChart } from "@/api/types";
import { save } from "@/lib/files";
import { grouped } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import { Chart, ChartSkeleton, Legend } from "@/ui/chart";
import { FigureTable } from "@/ui/FigureTable";
import { ErrorNote, Panel, Skeleton } from "@/ui/parts";
import classes from "./dashboards.module.css";
import { behind, csv, format, groupName, label, numeric, overTime, question, seriesOf, type Span } from "./figures";

const HEIGHT = 188;
const LEGEND = 3;

/** What can be done with a chart where it may be changed. */
export interface ChartActions {
  edit: () => void;
  remove: () => void;
  /** Undefined at the ends. */
  earlier: (() => void) | undefined;
  later: (() => void) | undefined;
}

interface Shown {
  /** Names in place of ids. */
  named: (value: string | number | null | undefined) => string;
  chart: SavedChart;
  table: FiguresTable;
  span: Span;
  /** Opens the traces of a stretch of time and of a group. */
  open: (span: Span | null, group?: string) => void;
}

function Timed({ chart, table, span, named, open }: Shown) {
  const range = useRange();
  const { times, stepMs, series } = useMemo(() => seriesOf(chart, table, span, named), [chart, table, span, named]);
  const show = format(chart.measures[0] ?? "count");
  if (table.rows.length === 0) return <div className={classes.nothing} style={{ height: HEIGHT }}>Nothing in this range</div>;
  return (
    <>
      {series.length > 1 && <Legend series={series} most={LEGEND} />}
      <Chart
        label={`${chart.title} over time`}
        times={times}
        stepMs={stepMs}
        series={series}
        format={show}
        axis={show}
        group="dashboard"
        height={HEIGHT}
        onSpan={(from, to) => range.setSpan(new Date(from), new Date(to))}
        onStep={(from, to) => open({ from: new Date(from), to: new Date(to) })}
      />
    </>
  );
}

function Figure({ chart, table, open }: Shown) {
  const measure = chart.measures[0] ?? "count";
  const value = numeric(table.rows[0]?.[measure]);
  return (
    <UnstyledButton className={classes.number} title={`${grouped(value)}\nShow the traces behind it`} aria-label={`${chart.title}: ${format(measure)(value)}, show traces`} onClick={() => open(null)}>
      {format(measure)(value)}
    </UnstyledButton>
  );
}

function Rows({ chart, table, named, open }: Shown) {
  const grouping = chart.group_by !== "";
  if (table.rows.length === 0) return <div className={classes.nothing}>Nothing in this range</div>;
  return (
    <FigureTable label={chart.title}>
      <thead>
        <tr>
          {grouping && <th scope="col">{chart.group_by.replaceAll("_", " ")}</th>}
          {chart.measures.map((measure) => (
            <th key={measure} scope="col" title={measure}>
              {label(measure)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {table.rows.map((row, index) => (
          <tr key={index}>
            {grouping && (
              <th scope="row">
                <UnstyledButton className={classes.group} title="Show the traces behind it" onClick={() => open(null, String(row[chart.group_by] ?? ""))}>
                  {named(row[chart.group_by])}
                </UnstyledButton>
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

function Body(shown: Shown) {
  if (overTime(shown.chart)) return <Timed {...shown} />;
  return shown.chart.kind === "number" ? <Figure {...shown} /> : <Rows {...shown} />;
}

function Actions({ chart, table, actions }: { chart: SavedChart; table: FiguresTable | undefined; actions: ChartActions | null }) {
  return (
    <Menu width={200} position="bottom-end">
      <Menu.Target>
        <ActionIcon aria-label={`Actions of ${chart.title}`} className={classes.more}>
          <IconDots size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconDownload size={15} />} disabled={table === undefined} onClick={() => table !== undefined && save(`${chart.title}.csv`, csv(table), "text/csv")}>
          Download CSV
        </Menu.Item>
        {actions !== null && (
          <>
            <Menu.Item leftSection={<IconPencil size={15} />} onClick={actions.edit}>
              Edit chart
            </Menu.Item>
            <Menu.Item leftSection={<IconArrowLeft size={15} />} disabled={actions.earlier === undefined} onClick={actions.earlier}>
              Move forward
            </Menu.Item>
            <Menu.Item leftSection={<IconArrowRight size={15} />} disabled={actions.later === undefined} onClick={actions.later}>
              Move back
            </Menu.Item>
            <Menu.Divider />
            <Menu.Item leftSection={<IconTrash size={15} />} color="danger" onClick={actions.remove}>
              Remove chart
            </Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

export function ChartCard({ project, chart, actions }: { project: string; chart: SavedChart; actions: ChartActions | null }) {
  const { from, to } = useRange();
  const navigate = useNavigate();
  const span = useMemo(() => ({ from, to }), [from, to]);
  const query = useQuery(chartQuery(project, chart, span, question(chart, span)));
  const keys = useQuery({ ...keysQuery(project), enabled: chart.group_by === "key" }).data;
  const named = useCallback(
    (value: string | number | null | undefined) => {
      const name = chart.group_by === "key" ? keys?.find((key) => key.id === value)?.name : undefined;
      // Keys may share a name, and then only their ids tell them apart.
      return name !== undefined && keys?.filter((key) => key.name === name).length === 1 ? name : groupName(value);
    },
    [keys, chart.group_by],
  );
  const open: Shown["open"] = (stretch, group) =>
    void navigate({ to: "/traces", search: ((before: Record<string, unknown>) => ({ project: before.project, range: before.range, from: before.from, to: before.to, ...behind(chart, stretch, group) })) as never });
  return (
    <Panel label={chart.title} className={classes[`wide${chart.width}`]}>
      <header className={classes.head}>
        <h2 title={chart.q === "" ? chart.title : `${chart.title}\n${chart.q}`}>{chart.title}</h2>
        {query.data?.more === true && <span className={classes.note}>the first {chart.top}</span>}
        <Actions chart={chart} table={query.data} actions={actions} />
      </header>
      <div className={classes.body} aria-busy={query.isFetching}>
        {query.isError && <ErrorNote failure={asApiError(query.error)} />}
        {query.data !== undefined ? (
          <Body chart={chart} table={query.data} span={span} named={named} open={open} />
        ) : (
          !query.isError && (chart.kind === "number" ? <Skeleton width={120} height={32} /> : <ChartSkeleton height={HEIGHT} />)
        )}
      </div>
    </Panel>
  );
}
