import { useCallback, useEffect, useRef, useState, type PointerEvent } from "react";
import classes from "./chart.module.css";
import { crosshair } from "./crosshair";
import { init, type EChartsType } from "./engine";
import { option } from "./option";
import { Points } from "./Points";
import { placed, type Place } from "./points";
import type { TimeChartProps } from "./types";

const CLICK_PX = 4;
/** Where the grid begins, as the option says. */
const TOP_PX = 8;
/** So far above it a point may stand. */
const EDGE_PX = 3;

/** A chart over time: hover shows the step on every chart of the group, dragging picks a range, a click picks a step. */
export default function TimeChart(props: TimeChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const brush = useRef<HTMLDivElement>(null);
  const line = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const latest = useRef(props);
  const pressed = useRef<number | null>(null);
  const [places, setPlaces] = useState<{ all: Place[]; width: number }>({ all: [], width: 0 });

  useEffect(() => {
    latest.current = props;
  });

  const draw = useCallback(() => {
    const [made, element] = [chart.current, host.current];
    if (made === null || element === null) return;
    const styles = getComputedStyle(document.documentElement);
    const resolve = (colour: string) => /^var\((--[\w-]+)\)$/.exec(colour)?.[1] ?? colour;
    made.setOption(
      option(latest.current, element.clientWidth, (colour) => {
        const name = resolve(colour);
        return name.startsWith("--") ? styles.getPropertyValue(name).trim() : name;
      }),
      { notMerge: true },
    );
    const { points, times, stepMs } = latest.current;
    const pixel = (finder: "xAxisIndex" | "yAxisIndex", value: number) => Number(made.convertToPixel({ [finder]: 0 }, value));
    const scale = { x: (index: number) => pixel("xAxisIndex", index), y: (value: number) => pixel("yAxisIndex", value), top: TOP_PX - EDGE_PX };
    setPlaces({ all: placed(points ?? [], times, stepMs, scale), width: element.clientWidth });
  }, []);

  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const made = init(element, null, { renderer: "canvas" });
    chart.current = made;
    const observer = new ResizeObserver(() => {
      if (made.getWidth() === element.clientWidth && made.getHeight() === element.clientHeight) return;
      made.resize();
      draw();
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, [draw]);

  // In the same turn as the chart is made: one without an option cannot say where something is.
  useEffect(draw, [draw, props.dark, props.series, props.times, props.points]);

  useEffect(
    () =>
      crosshair(props.group).listen((index, from) => {
        const mark = line.current;
        if (mark === null || chart.current === null) return;
        const show = index !== null && from !== host.current;
        mark.style.display = show ? "block" : "none";
        if (show) mark.style.transform = `translateX(${chart.current.convertToPixel({ xAxisIndex: 0 }, index)}px)`;
      }),
    [props.group],
  );

  const at = (event: PointerEvent) => event.clientX - event.currentTarget.getBoundingClientRect().left;
  const stepAt = (x: number) => {
    const index = Math.round(Number(chart.current?.convertFromPixel({ xAxisIndex: 0 }, x) ?? 0));
    return Math.min(Math.max(index, 0), props.times.length - 1);
  };
  const move = (event: PointerEvent) => {
    const x = at(event);
    crosshair(props.group).tell(stepAt(x), host.current);
    const start = pressed.current;
    if (start === null || brush.current === null || props.onSpan === undefined) return;
    brush.current.style.display = Math.abs(x - start) > CLICK_PX ? "block" : "none";
    brush.current.style.left = `${Math.min(x, start)}px`;
    brush.current.style.width = `${Math.abs(x - start)}px`;
  };
  const release = (event: PointerEvent) => {
    const start = pressed.current;
    pressed.current = null;
    if (brush.current !== null) brush.current.style.display = "none";
    if (start === null) return;
    const x = at(event);
    const low = props.times[stepAt(Math.min(x, start))];
    const high = props.times[stepAt(Math.max(x, start))];
    if (low === undefined || high === undefined) return;
    if (Math.abs(x - start) <= CLICK_PX) props.onStep?.(low, low + props.stepMs);
    else props.onSpan?.(low, high + props.stepMs);
  };
  const drawn = (
    <div
      className={classes.chart}
      data-still={(props.onStep === undefined && props.onSpan === undefined) || undefined}
      style={{ height: props.height }}
      role="img"
      aria-label={props.label}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        pressed.current = at(event);
      }}
      onPointerMove={move}
      onPointerUp={release}
      onPointerLeave={() => crosshair(props.group).tell(null, host.current)}
    >
      <div ref={host} className={classes.canvas} />
      <div ref={line} className={classes.line} />
      <div ref={brush} className={classes.brush} />
    </div>
  );
  return (
    <div className={classes.frame}>
      {drawn}
      {props.onPoint !== undefined && places.all.length > 0 && <Points places={places.all} width={places.width} format={props.format} onPoint={props.onPoint} />}
    </div>
  );
}
