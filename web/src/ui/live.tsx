/** What lists that follow what comes in have in common. */
import { Button } from "@mantine/core";
import { IconPlayerPlay, IconPlayerStop } from "@tabler/icons-react";
import classes from "./live.module.css";

const WORDS = { off: "Live", connecting: "Connecting", live: "Live", retrying: "Reconnecting" } as const;

export function LiveButton({ state, toggle }: { state: keyof typeof WORDS; toggle: () => void }) {
  const on = state !== "off";
  return (
    <Button
      variant="default"
      size="xs"
      h={32}
      aria-pressed={on}
      onClick={toggle}
      leftSection={on ? state === "live" ? <span className={classes.pulse} /> : <IconPlayerStop size={14} /> : <IconPlayerPlay size={14} />}
      className={on ? classes.on : undefined}
    >
      {WORDS[state]}
    </Button>
  );
}

/** What came in and is not shown yet; the reader decides when. */
export function Pill({ count, missed, what, onClick }: { count: number; missed: boolean; what: string; onClick: () => void }) {
  return (
    <>
      {count > 0 && (
        <button type="button" className={classes.pill} onClick={onClick}>
          {count} new{missed && ", refresh for all"}
        </button>
      )}
      <div className="hidden-visually" role="status" aria-live="polite">
        {count > 0 ? `${count} new ${what}` : ""}
      </div>
    </>
  );
}
