import { ago, exactTime } from "@/lib/format";
import classes from "../settings.module.css";
import { who } from "./kinds";

/** When something was asked for, and by whom. */
export function Requested({ at, by, now }: { at: string; by: string; now: Date }) {
  return (
    <td className={classes.nowrap} title={exactTime(new Date(at))}>
      {ago(new Date(at), now)}
      <div className={classes.dim} title={by}>
        by {who(by)}
      </div>
    </td>
  );
}
