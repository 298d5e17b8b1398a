import { Checkbox, Select } from "@mantine/core";
import { useState } from "react";
import type { DashboardView } from "@/api/types";
import { lastLabel, PRESETS, spanLabel, type TimeRange } from "@/lib/range";
import { ShareDialog } from "./ShareDialog";
import classes from "./sharing.module.css";

const FIXED = "fixed";

/** Makes a link to a dashboard as it is now, over a time that whoever reads it cannot change. */
export function ShareDashboard({ project, dashboard, range }: { project: string; dashboard: DashboardView; range: TimeRange }) {
  const [picked, setPicked] = useState<string | null>(null);
  const [people, setPeople] = useState(false);
  const time = picked ?? range.preset ?? FIXED;
  const personal = dashboard.personal.map((place) => dashboard.charts[place]?.title ?? "");
  const left = dashboard.charts.length - (people ? 0 : personal.length);
  const during = time === FIXED ? { from: range.from.toISOString(), to: range.to.toISOString() } : { range: time };
  return (
    <ShareDialog
      project={project}
      title={`Share ${dashboard.name}`}
      lead="Whoever has the link sees these charts as they are now, without an account: not what they ask for, nor the traces behind them. Later changes of the dashboard need a new link."
      chosen={{ dashboard_id: dashboard.id, people, ...during }}
      hindered={left > 0 ? "" : dashboard.charts.length === 0 ? "There is no chart to share yet." : "No other chart would be shown."}
    >
      <Select
        label="It shows"
        allowDeselect={false}
        data={[...PRESETS.map(({ id }) => ({ value: id as string, label: `${lastLabel(id)}, always up to date` })), { value: FIXED, label: `Only ${spanLabel(range)}` }]}
        value={time}
        onChange={setPicked}
      />
      {personal.length > 0 && (
        <Checkbox
          className={classes.people}
          label={`With ${personal.map((title) => `“${title}”`).join(", ")}`}
          description={`${personal.length === 1 ? "This chart names" : "These charts name"} keys, users or sessions`}
          checked={people}
          onChange={(event) => setPeople(event.currentTarget.checked)}
        />
      )}
    </ShareDialog>
  );
}
