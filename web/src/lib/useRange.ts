import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useNow } from "./now";
import { DEFAULT_PRESET, readRange, resolveRange, tickMs, type PresetId, type TimeRange } from "./range";

export interface RangeControl extends TimeRange {
  setPreset: (preset: PresetId) => void;
  setSpan: (from: Date, to: Date) => void;
}

/** A frozen range moves on only when the reader refreshes, so that a list stays as it is while it is read. */
const FROZEN_MS = 86_400_000;

/** The time range of the page, from and to the URL. */
export function useRange({ frozen = false } = {}): RangeControl {
  const search: Record<string, unknown> = useSearch({ strict: false });
  const navigate = useNavigate();
  const read = readRange(search);
  const now = useNow(frozen ? FROZEN_MS : tickMs(read.range ?? DEFAULT_PRESET));
  const { range, from, to } = read;
  return useMemo(() => {
    const change = (next: Record<string, unknown>) =>
      void navigate({
        to: ".",
        search: (before: Record<string, unknown>) => ({ ...before, range: undefined, from: undefined, to: undefined, ...next }),
      } as never);
    return {
      ...resolveRange({ range, from, to }, now),
      setPreset: (preset) => change({ range: preset }),
      setSpan: (start, end) => change({ from: start.toISOString(), to: end.toISOString() }),
    };
  }, [range, from, to, now, navigate]);
}
