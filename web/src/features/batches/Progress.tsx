import type { BatchView } from "@/api/types";
import { grouped, percent } from "@/lib/format";
import classes from "./batches.module.css";
import { sharesOf } from "./progress";

/** How many lines have ended: answered ones first, then failed ones. */
export function Progress({ batch, wide = false }: { batch: BatchView; wide?: boolean }) {
  const { total, completed, failed } = batch.counts;
  const shares = sharesOf(batch.counts);
  const done = completed + failed;
  const label = `${grouped(done)} of ${grouped(total)} lines`;
  return (
    <span className={wide ? classes.progressWide : classes.progress}>
      <span className={classes.track} role="progressbar" aria-valuemin={0} aria-valuemax={total} aria-valuenow={done} aria-label={label}>
        <i className={classes.done} style={{ width: `${shares.completed * 100}%` }} />
        <i className={classes.failed} style={{ width: `${shares.failed * 100}%` }} />
      </span>
      <span className={classes.progressText} title={`${label}, ${grouped(failed)} failed`}>
        {total === 0 ? "–" : percent(done / total).replace(/\.\d+%/, "%")}
      </span>
    </span>
  );
}
