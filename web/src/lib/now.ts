import { useSyncExternalStore } from "react";

/** The current time, moved on every `stepMs`; many readers of one step share one timer. */
interface Ticker {
  now: number;
  listeners: Set<() => void>;
  timer: number | undefined;
}

/** A clock that nobody has read for this long is set anew, so that a page opened again is not stale. */
const STALE_MS = 5 * 60_000;

const tickers = new Map<number, Ticker>();

function ticker(stepMs: number): Ticker {
  let found = tickers.get(stepMs);
  if (found === undefined) {
    found = { now: Date.now(), listeners: new Set(), timer: undefined };
    tickers.set(stepMs, found);
  }
  return found;
}

function advance(of: Ticker): void {
  of.now = Date.now();
  for (const listener of of.listeners) listener();
}

/** Moves every clock on at once, as the refresh button does. */
export function refreshNow(): void {
  for (const each of tickers.values()) advance(each);
}

export function useNow(stepMs: number): number {
  return useSyncExternalStore(
    (listener) => {
      const mine = ticker(stepMs);
      if (mine.listeners.size === 0) {
        if (Date.now() - mine.now > Math.min(stepMs, STALE_MS)) mine.now = Date.now();
        mine.timer = window.setInterval(() => {
          if (!document.hidden) advance(mine);
        }, stepMs);
      }
      mine.listeners.add(listener);
      return () => {
        mine.listeners.delete(listener);
        if (mine.listeners.size === 0) window.clearInterval(mine.timer);
      };
    },
    () => ticker(stepMs).now,
  );
}
