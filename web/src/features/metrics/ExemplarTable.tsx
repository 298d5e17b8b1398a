import { Link } from "@tanstack/react-router";
import type { MetricExemplars, MetricSummary } from "@/api/types";
import { ago, exactTime, grouped } from "@/lib/format";
import { FigureTable } from "@/ui/FigureTable";
import { attributeLines, distinct, keyOf, spanSearch } from "./exemplars";
import { bare, groupWord, writer } from "./metrics";
import classes from "./metrics.module.css";

/** The chart shows more. */
const MOST = 50;
const MOST_CHARS = 120;

/** Single measurements, the greatest first, each with its trace. */
export function ExemplarTable({ metric, groupBy, found }: { metric: MetricSummary; groupBy: string; found: MetricExemplars }) {
  const now = new Date();
  const write = writer(metric, "avg");
  const rows = distinct(found.items)
    .sort((a, b) => b.value - a.value)
    .slice(0, MOST);
  if (rows.length === 0) return null;
  return (
    <section className={classes.groups} aria-label="Exemplars">
      <h3 className={classes.exemplars}>
        Exemplars <span>{found.total > rows.length ? `${rows.length} of ${grouped(found.total)}` : grouped(found.total)}</span>
      </h3>
      <FigureTable label="Measurements and their traces">
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">{metric.kind === "counter" ? "Added" : "Measured"}</th>
            {groupBy !== "" && <th scope="col">{bare(groupBy)}</th>}
            <th scope="col">Attributes</th>
            <th scope="col">Trace</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((each) => (
            <tr key={keyOf(each)}>
              <th scope="row" title={exactTime(new Date(each.at))}>
                {ago(new Date(each.at), now)}
              </th>
              <td title={grouped(each.value)}>{write(each.value)}</td>
              {groupBy !== "" && <td>{groupWord(each.group)}</td>}
              <td title={attributeLines(each).join("\n")}>{attributeLines(each).join(", ").slice(0, MOST_CHARS) || "–"}</td>
              <td>
                {each.trace_id === "" ? (
                  "–"
                ) : (
                  <Link to={"/traces/$traceId" as never} params={{ traceId: each.trace_id } as never} search={spanSearch(each)} preload={false} aria-label={`Open trace ${each.trace_id.slice(0, 8)}`}>
                    {each.trace_id.slice(0, 8)}
                  </Link>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </FigureTable>
    </section>
  );
}
