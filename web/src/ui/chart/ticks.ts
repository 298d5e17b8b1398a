/** Round points in time for an axis. */
const STEPS_MS = [60e3, 300e3, 600e3, 900e3, 1800e3, 3600e3, 7200e3, 3 * 3600e3, 6 * 3600e3, 12 * 3600e3, 86400e3, 2 * 86400e3, 7 * 86400e3];

/** Indices of the steps that start on a round local time, at most `most` of them. */
export function ticks(times: readonly number[], most: number): Set<number> {
  const first = times[0];
  const last = times[times.length - 1];
  if (first === undefined || last === undefined) return new Set();
  const gap = STEPS_MS.find((step) => (last - first) / step <= most) ?? 14 * 86400e3;
  const out = new Set<number>();
  let before: number | null = null;
  times.forEach((at, index) => {
    const local = at - new Date(at).getTimezoneOffset() * 60e3;
    const slot = Math.floor(local / gap);
    if (before !== null && slot !== before) out.add(index);
    else if (before === null && local % gap === 0) out.add(index);
    before = slot;
  });
  return out;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The clock, or the day where the day changes or a step is a day. */
export function tickLabel(ms: number, spanMs: number): string {
  const at = new Date(ms);
  const midnight = at.getHours() === 0 && at.getMinutes() === 0;
  if (spanMs > 4 * 86400e3 || (midnight && spanMs > 3600e3)) return `${MONTHS[at.getMonth()] ?? ""} ${at.getDate()}`;
  return `${String(at.getHours()).padStart(2, "0")}:${String(at.getMinutes()).padStart(2, "0")}`;
}
