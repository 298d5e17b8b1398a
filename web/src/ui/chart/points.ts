/** Where points stand on a chart. */
import type { ChartPoint, ChartSeries } from "./types";

/** One odd point must not flatten the lines: so many times their height is what points may add. */
const MOST = 3;

/** How high the axis has to go for the points; null when nothing is to be added. */
export function reachOf(series: readonly ChartSeries[], points: readonly ChartPoint[]): number | null {
  if (points.length === 0) return null;
  const drawn = Math.max(0, ...series.flatMap((each) => each.values.map((value) => value ?? 0)));
  const highest = Math.max(...points.map((point) => point.value));
  return drawn === 0 ? highest : Math.min(highest, drawn * MOST);
}

/** What turns values into pixels. */
export interface Scale {
  /** The middle of a step. */
  x: (index: number) => number;
  y: (value: number) => number;
  /** The upper edge of what is drawn. */
  top: number;
}

export interface Place {
  point: ChartPoint;
  x: number;
  y: number;
  /** Whether it is higher than the axis goes. */
  beyond: boolean;
}

/** Points at their own times, which lie within steps; those outside of all steps are left out. */
export function placed(points: readonly ChartPoint[], times: readonly number[], stepMs: number, scale: Scale): Place[] {
  const first = times[0];
  if (first === undefined) return [];
  const wide = times.length > 1 ? scale.x(1) - scale.x(0) : 0;
  return points.flatMap((point) => {
    const steps = (point.at - first) / stepMs;
    const index = Math.floor(steps);
    if (index < 0 || index >= times.length) return [];
    const y = scale.y(point.value);
    return [{ point, x: scale.x(index) + (steps - index - 0.5) * wide, y: Math.max(y, scale.top), beyond: y < scale.top }];
  });
}
