import classes from "./legend.module.css";
import type { ChartSeries } from "./types";

/** The first series by name and how many more there are. */
export function Legend({ series, most, more = false }: { series: readonly ChartSeries[]; most: number; more?: boolean }) {
  const rest = series.slice(most).map((each) => each.name);
  return (
    <ul className={classes.legend}>
      {series.slice(0, most).map((each) => (
        <li key={each.name} title={each.name}>
          <i style={{ background: each.colour }} aria-hidden />
          <span>{each.name}</span>
        </li>
      ))}
      {rest.length > 0 && (
        <li className={classes.rest} title={rest.join("\n")}>
          +{rest.length}
        </li>
      )}
      {more && (
        <li className={classes.rest} title="Only the largest are shown">
          and more
        </li>
      )}
    </ul>
  );
}
