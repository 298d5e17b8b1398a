import { CloseButton } from "@mantine/core";
import { IconCircleCheckFilled, IconExclamationCircleFilled } from "@tabler/icons-react";
import { useEffect, useSyncExternalStore } from "react";
import classes from "./parts.module.css";

interface Toast {
  id: number;
  tone: "ok" | "error";
  title: string;
  detail: string;
}

let toasts: readonly Toast[] = [];
let spoken = "";
let next = 1;
const listeners = new Set<() => void>();

function change(to: readonly Toast[]): void {
  toasts = to;
  for (const listener of listeners) listener();
}

function dismiss(id: number): void {
  change(toasts.filter((other) => other.id !== id));
}

export function toast(tone: Toast["tone"], title: string, detail = ""): void {
  change([...toasts.slice(-3), { id: next++, tone, title, detail }]);
}

/** Says something to screen readers only. */
export function announce(text: string): void {
  spoken = text;
  for (const listener of listeners) listener();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

function Item({ item }: { item: Toast }) {
  const { id, tone } = item;
  const close = () => dismiss(id);
  useEffect(() => {
    const timer = window.setTimeout(() => dismiss(id), tone === "error" ? 12_000 : 4_000);
    return () => window.clearTimeout(timer);
  }, [id, tone]);
  return (
    <div className={classes.toast}>
      {item.tone === "ok" ? (
        <IconCircleCheckFilled size={18} color="var(--ok-mark)" aria-hidden />
      ) : (
        <IconExclamationCircleFilled size={18} color="var(--error-mark)" aria-hidden />
      )}
      <div>
        <strong>{item.title}</strong>
        {item.detail !== "" && <p>{item.detail}</p>}
      </div>
      <CloseButton size="xs" aria-label="Close message" onClick={close} />
    </div>
  );
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  const said = useSyncExternalStore(subscribe, () => spoken);
  return (
    <>
      <div className={classes.toasts} role="status" aria-live="polite">
        {shown.map((item) => (
          <Item key={item.id} item={item} />
        ))}
      </div>
      <div className="hidden-visually" aria-live="polite">
        {said}
      </div>
    </>
  );
}
