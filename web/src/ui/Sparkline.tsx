import { sparkPath } from "./sparkPath";

/** The course of a figure, without axes; null values are gaps. */
export function Sparkline({ values, colour = "var(--accent)", height = 28, bars = false }: { values: readonly (number | null)[]; colour?: string; height?: number; bars?: boolean }) {
  const width = 120;
  const top = Math.max(...values.map((value) => value ?? 0), 0);
  if (top === 0) {
    return (
      <svg viewBox={`0 0 ${width} ${height}`} width="100%" height={height} preserveAspectRatio="none" aria-hidden>
        <line x1={0} x2={width} y1={height - 1} y2={height - 1} stroke="var(--line-strong)" strokeWidth={1} vectorEffect="non-scaling-stroke" />
      </svg>
    );
  }
  if (bars) {
    const step = width / values.length;
    return (
      <svg viewBox={`0 0 ${width} ${height}`} width="100%" height={height} preserveAspectRatio="none" aria-hidden>
        {values.map((value, index) => {
          const size = ((value ?? 0) / top) * (height - 2);
          return <rect key={index} x={index * step} y={height - size} width={Math.max(step - 0.6, 0.6)} height={size} fill={colour} />;
        })}
      </svg>
    );
  }
  const { line, area } = sparkPath(values, width, height, top);
  return (
    <svg viewBox={`0 0 ${width} ${height}`} width="100%" height={height} preserveAspectRatio="none" aria-hidden>
      <path d={area} fill={colour} opacity={0.12} />
      <path d={line} fill="none" stroke={colour} strokeWidth={1.5} strokeLinejoin="round" strokeLinecap="round" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
