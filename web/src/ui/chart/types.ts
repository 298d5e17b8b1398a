export interface ChartSeries {
  name: string;
  /** A CSS colour, may be a `var(--token)`. */
  colour: string;
  kind: "line" | "bar" | "band";
  /** One value per step; null is a gap. Bands are given from the lowest to the highest. */
  values: readonly (number | null)[];
}

/** Something that was measured at a time of its own, and leads somewhere. */
export interface ChartPoint {
  key: string;
  /** In ms. */
  at: number;
  value: number;
  colour: string;
  /** Lines of its tooltip, below time and value. */
  lines: readonly string[];
}

export interface TimeChartProps {
  /** What the chart shows, for screen readers. */
  label: string;
  /** Start of each step in ms. */
  times: readonly number[];
  stepMs: number;
  series: readonly ChartSeries[];
  /** Tooltip text of a value. */
  format: (value: number) => string;
  /** Axis text of a value. */
  axis: (value: number) => string;
  /** What no value can exceed, such as 1 for shares of a whole. */
  most?: number | undefined;
  /** Charts with the same group share one crosshair. */
  group: string;
  height: number;
  dark: boolean;
  /** A stretch that was brushed; without it nothing can be. */
  onSpan?: ((from: number, to: number) => void) | undefined;
  /** A step that was clicked. */
  onStep?: ((from: number, to: number) => void) | undefined;
  /** Drawn above the series; whoever has no pointer needs another way to where they lead. */
  points?: readonly ChartPoint[] | undefined;
  /** A point that was clicked. */
  onPoint?: ((key: string) => void) | undefined;
}
