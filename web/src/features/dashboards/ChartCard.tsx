import { ActionIcon, Menu } from "@mantine/core";
import { IconArrowLeft, IconArrowRight, IconDots, IconDownload, IconPencil, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { asApiError } from "@/api/client";
import { chartQuery } from "@/api/dashboards";
import { keysQuery } from "@/api/queries";
import type { FiguresTable, SavedChart } from "@/api/types";
import { save } from "@/lib/files";
import { useRange } from "@/lib/useRange";
import { ErrorNote, Panel } from "@/ui/parts";
import classes from "./dashboards.module.css";
import { Drawn, Waiting, type Ways } from "./Drawn";
import { behind, csv, groupName, question } from "./figures";

/** What can be done with a chart where it may be changed. */
export interface ChartActions {
  edit: () => void;
  remove: () => void;
  /** Undefined at the ends. */
  earlier: (() => void) | undefined;
  later: (() => void) | undefined;
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
  const { from, to, setSpan } = useRange();
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
  const open: Ways["open"] = (stretch, group) =>
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
          <Drawn chart={chart} table={query.data} span={span} named={named} ways={{ open, look: setSpan }} />
        ) : (
          !query.isError && <Waiting chart={chart} />
        )}
      </div>
    </Panel>
  );
}
