/** SVG paths of a sparkline; a null value ends one stroke and the next value begins another. */
export function sparkPath(values: readonly (number | null)[], width: number, height: number, top: number): { line: string; area: string } {
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  const line: string[] = [];
  const area: string[] = [];
  let run: string[] = [];
  const close = () => {
    const first = run[0];
    const last = run[run.length - 1];
    if (first === undefined || last === undefined) return;
    // A single value between gaps still shows, as a dot of the round line cap.
    line.push(`M${run.length === 1 ? `${first}L${first}` : run.join("L")}`);
    area.push(`M${first.split(",")[0] ?? 0},${height}L${run.join("L")}L${last.split(",")[0] ?? 0},${height}Z`);
    run = [];
  };
  values.forEach((value, index) => {
    if (value === null) close();
    else run.push(`${round(index * step)},${round(height - 1 - (value / top) * (height - 3))}`);
  });
  close();
  return { line: line.join(""), area: area.join("") };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
