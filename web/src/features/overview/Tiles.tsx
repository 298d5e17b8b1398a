import { Tooltip } from "@mantine/core";
import { IconArrowDownRight, IconArrowUpRight } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { CallStats, Overview } from "@/api/types";
import { delta } from "@/lib/format";
import { Skeleton } from "@/ui/parts";
import { Sparkline } from "@/ui/Sparkline";
import { FIGURES, type Figure } from "./figures";
import classes from "./overview.module.css";

function Change({ figure, now, before }: { figure: Figure; now: CallStats; before: CallStats }) {
  const change = delta(figure.value(now), figure.value(before));
  const was = `${figure.text(before)} in the period before`;
  if (change === null) return null;
  const good = change.direction === 0 || figure.better === "neither" ? "even" : (change.direction > 0) === (figure.better === "up") ? "good" : "bad";
  return (
    <span className={classes.change} data-good={good} title={was}>
      {change.direction > 0 && <IconArrowUpRight size={13} aria-label="up" />}
      {change.direction < 0 && <IconArrowDownRight size={13} aria-label="down" />}
      {change.text}
    </span>
  );
}

export function Tiles({ overview }: { overview: Overview }) {
  const series = overview.series.map((point) => point.stats);
  return (
    <div className={classes.tiles}>
      {FIGURES.map((figure) => (
        <Tooltip key={figure.id} label={figure.exact(overview.totals)} multiline maw={280}>
          <Link to="/traces" search={((before: Record<string, unknown>) => ({ ...shared(before), ...figure.link })) as never} className={classes.tile}>
            <span className={classes.tileLabel}>{figure.label}</span>
            <span className={classes.tileRow}>
              <span className={classes.tileValue} data-alarm={(figure.id === "unpriced" && overview.totals.unpriced > 0) || undefined}>
                {figure.text(overview.totals)}
              </span>
              <Change figure={figure} now={overview.totals} before={overview.previous} />
            </span>
            <Sparkline values={series.map((stats) => figure.value(stats))} colour={figure.colour} bars={figure.bars ?? false} />
          </Link>
        </Tooltip>
      ))}
    </div>
  );
}

/** Project and time range go along to the traces; nothing else does. */
export function shared(search: Record<string, unknown>) {
  return { project: search.project, range: search.range, from: search.from, to: search.to, model: search.model };
}

export function TilesSkeleton() {
  return (
    <div className={classes.tiles} aria-hidden>
      {FIGURES.map((figure) => (
        <div key={figure.id} className={classes.tile}>
          <span className={classes.tileLabel}>{figure.label}</span>
          <span className={classes.tileRow}>
            <Skeleton width={72} height={20} />
          </span>
          <Skeleton height={28} />
        </div>
      ))}
    </div>
  );
}
