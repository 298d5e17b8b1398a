import { useEffect, useRef } from "react";

/** Key name to action; `mod+k` is Ctrl or Command. Letters are ignored while the reader types in a field. */
export type Keymap = Record<string, (event: KeyboardEvent) => void>;

export function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName) || target.closest("[role=dialog]") !== null)
  );
}

export function keyName(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">): string {
  const modifier = event.ctrlKey || event.metaKey ? "mod+" : event.altKey ? "alt+" : "";
  return modifier + (event.key.length === 1 ? event.key.toLowerCase() : event.key);
}

export function useKeys(keymap: Keymap, enabled = true): void {
  const latest = useRef(keymap);
  useEffect(() => {
    latest.current = keymap;
  });
  useEffect(() => {
    if (!enabled) return;
    const listen = (event: KeyboardEvent) => {
      const name = keyName(event);
      const action = latest.current[name];
      if (action === undefined || event.defaultPrevented) return;
      if (typing(event.target) && !name.startsWith("mod+")) return;
      // Enter on a button or a link is theirs.
      if (name === "Enter" && event.target instanceof Element && event.target.closest("button, a[href]") !== null) return;
      event.preventDefault();
      action(event);
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [enabled]);
}
