import { useComputedColorScheme } from "@mantine/core";
import { lazy, Suspense, useEffect } from "react";
import { Skeleton } from "../parts";
import type { TimeChartProps } from "./types";

const load = () => import("./TimeChart");
const TimeChart = lazy(load);

export function ChartSkeleton({ height }: { height: number }) {
  // The engine comes while the figures do; should that fail, the chart says so.
  useEffect(() => void load().catch(() => undefined), []);
  return (
    <div style={{ height, display: "flex", alignItems: "flex-end", gap: 6, padding: "8px 4px 24px 40px" }} aria-hidden>
      {[38, 52, 44, 66, 58, 74, 62, 48, 70, 82, 64, 56, 60, 44].map((share, index) => (
        <Skeleton key={index} height={`${share}%`} />
      ))}
    </div>
  );
}

/** The chart, with a skeleton of its size until the engine is there. */
export function Chart(props: Omit<TimeChartProps, "dark">) {
  const dark = useComputedColorScheme("light") === "dark";
  return (
    <Suspense fallback={<ChartSkeleton height={props.height} />}>
      <TimeChart {...props} dark={dark} />
    </Suspense>
  );
}

export { Legend } from "./Legend";
export type { ChartPoint, ChartSeries } from "./types";
