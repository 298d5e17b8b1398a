import type { SessionSummary, UserSummary } from "@/api/types";
import { colourOf } from "@/lib/colour";
import { ago, cost, count, exactMoney, exactTime, grouped, NONE, UNPRICED } from "@/lib/format";
import { ColourName } from "@/ui/parts";
import { total } from "@/features/traces";
import classes from "./activity.module.css";

/** What sessions and users have in common. */
export type Figures = Pick<SessionSummary & UserSummary, "usage" | "cost_usd" | "unpriced_count" | "error_count" | "trace_count" | "models">;

export function Cost({ of }: { of: Pick<Figures, "cost_usd" | "unpriced_count"> }) {
  const text = cost(of.cost_usd, of.unpriced_count);
  const partly = of.cost_usd !== null && of.unpriced_count > 0;
  const exact = of.cost_usd === null ? (text === UNPRICED ? "No price is known for these calls" : "Nothing to price") : exactMoney(of.cost_usd);
  return (
    <span className={text === UNPRICED ? classes.unpriced : text === NONE ? classes.none : undefined} title={partly ? `${exact}; ${grouped(of.unpriced_count)} calls unpriced` : exact}>
      {text}
      {partly && "*"}
    </span>
  );
}

export function Tokens({ usage }: Pick<Figures, "usage">) {
  const [into, out] = [total(usage, "in"), total(usage, "out")];
  if (into + out === 0) return <span className={classes.none}>{NONE}</span>;
  return (
    <span title={`${grouped(into)} in, ${grouped(out)} out`}>
      {count(into)} <span className={classes.none}>→</span> {count(out)}
    </span>
  );
}

export function Failures({ of }: { of: Pick<Figures, "error_count" | "trace_count"> }) {
  if (of.error_count === 0) return <span className={classes.none}>0</span>;
  return (
    <span className={classes.failed} title={`${grouped(of.error_count)} of ${grouped(of.trace_count)} traces failed`}>
      {grouped(of.error_count)}
    </span>
  );
}

export function Models({ models }: Pick<Figures, "models">) {
  const first = models[0];
  if (first === undefined) return <span className={classes.none}>{NONE}</span>;
  return (
    <span className={classes.models} title={models.join("\n")}>
      <ColourName colour={colourOf(first)}>{first}</ColourName>
      {models.length > 1 && <span className={classes.more}>+{models.length - 1}</span>}
    </span>
  );
}

export function When({ at, now }: { at: string; now: number }) {
  const date = new Date(at);
  return (
    <time dateTime={at} title={exactTime(date)} className={classes.when}>
      {ago(date, new Date(now))}
    </time>
  );
}
