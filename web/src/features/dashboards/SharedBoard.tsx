import { useQuery } from "@tanstack/react-query";
import { useMemo, type ReactNode } from "react";
import { asApiError } from "@/api/client";
import { sharedFiguresQuery, type SharedDashboard, type SharedFigures } from "@/api/shares";
import type { SavedChart } from "@/api/types";
import { ago, exactTime, timeOfDay } from "@/lib/format";
import { lastLabel, spanLabel } from "@/lib/range";
import { ErrorNote, Panel } from "@/ui/parts";
import classes from "./dashboards.module.css";
import { Drawn, Waiting } from "./Drawn";
import { groupName, type Span } from "./figures";

type SharedChart = SharedDashboard["charts"][number];

/** What a chart asks for is not told to whoever has a link; drawing it needs no more than this. */
const drawable = (chart: SharedChart): SavedChart => ({ ...chart, q: "" });

function Figures({ chart, answer, span }: { chart: SavedChart; answer: SharedFigures["items"][number]; span: Span }) {
  if (answer.table) return <Drawn chart={chart} table={answer.table} span={span} named={groupName} ways={null} />;
  return <div className={classes.nothing}>This chart could not be drawn: {answer.failure}</div>;
}

function Card({ shown, answer, span }: { shown: SharedChart; answer: SharedFigures["items"][number] | undefined; span: Span | null }) {
  const chart = useMemo(() => drawable(shown), [shown]);
  return (
    <Panel label={chart.title} className={classes[`wide${chart.width}`]}>
      <header className={classes.head}>
        <h2 title={chart.title}>{chart.title}</h2>
        {answer?.table?.more === true && <span className={classes.note}>the first {chart.top}</span>}
      </header>
      <div className={classes.body} aria-busy={answer === undefined}>
        {answer !== undefined && span !== null ? <Figures chart={chart} answer={answer} span={span} /> : <Waiting chart={chart} />}
      </div>
    </Panel>
  );
}

interface Props {
  token: string;
  name: string;
  dashboard: SharedDashboard;
  expiresAt: string;
  /** In place of the charts when the link has ended meanwhile. */
  ended: (error: Error) => ReactNode;
}

/** A dashboard as a share link shows it: to read, over the time that was chosen when it was shared. */
export function SharedBoard({ token, name, dashboard, expiresAt, ended }: Props) {
  const query = useQuery(sharedFiguresQuery(token, dashboard.range !== ""));
  const figures = query.data;
  const span = useMemo(() => (figures === undefined ? null : { from: new Date(figures.from), to: new Date(figures.to) }), [figures]);
  const status = query.isError ? asApiError(query.error).status : 0;
  if (status === 410 || status === 404) return ended(asApiError(query.error));
  const ends = new Date(expiresAt);
  return (
    <main className={classes.page}>
      <header className={classes.shared}>
        <h1>{name}</h1>
        {dashboard.description !== "" && <p className={classes.about}>{dashboard.description}</p>}
        <p className={classes.sharedFacts}>
          {dashboard.range !== "" ? <b>{lastLabel(dashboard.range)}</b> : span !== null && <b>{spanLabel(span)}</b>}
          {span !== null && dashboard.range !== "" && <span title={exactTime(span.to)}>as of {timeOfDay(span.to, new Date())}</span>}
          <span>
            Shared to read · until <time title={exactTime(ends)}>{ago(ends, new Date())}</time>
          </span>
        </p>
      </header>
      {query.isError && <ErrorNote failure={asApiError(query.error)} kept={figures === undefined ? "" : "What is shown is the last that was loaded."} />}
      <div className={classes.grid}>
        {dashboard.charts.map((chart, index) => (
          <Card key={index} shown={chart} answer={figures?.items[index]} span={span} />
        ))}
      </div>
    </main>
  );
}
