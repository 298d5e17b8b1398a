import { useState } from "react";
import { clock, day } from "@/lib/format";
import classes from "./chart.module.css";
import type { Place } from "./points";

interface Props {
  places: readonly Place[];
  width: number;
  format: (value: number) => string;
  onPoint: (key: string) => void;
}

/** Points above a chart. They are for the pointer alone: what they lead to is listed beside the chart as well. */
export function Points({ places, width, format, onPoint }: Props) {
  const [near, setNear] = useState<string | null>(null);
  const told = places.find((each) => each.point.key === near);
  return (
    <div className={classes.points} aria-hidden>
      {places.map(({ point, x, y, beyond }) => (
        <button
          key={point.key}
          type="button"
          tabIndex={-1}
          className={classes.point}
          data-beyond={beyond}
          style={{ left: x, top: y, "--colour": point.colour } as React.CSSProperties}
          onPointerEnter={() => setNear(point.key)}
          onPointerLeave={() => setNear(null)}
          onClick={() => onPoint(point.key)}
        />
      ))}
      {told !== undefined && (
        <div className={`chart-tip ${classes.pointTip ?? ""}`} style={told.x > width / 2 ? { right: width - told.x + 12, top: told.y } : { left: told.x + 12, top: told.y }}>
          <div className="chart-tip-head">
            {day(new Date(told.point.at))} {clock(new Date(told.point.at))}
          </div>
          <b>{format(told.point.value)}</b>
          {told.point.lines.map((line) => (
            <div key={line}>{line}</div>
          ))}
        </div>
      )}
    </div>
  );
}
