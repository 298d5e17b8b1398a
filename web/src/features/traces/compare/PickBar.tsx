import { Button } from "@mantine/core";
import { IconArrowsDiff } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import classes from "./compare.module.css";
import { compareSearch, type Picked } from "./usePicks";

/** What is picked, and the way to both side by side. */
export function PickBar({ picked, onClear }: { picked: readonly Picked[]; onClear: () => void }) {
  const [first, second] = picked;
  if (first === undefined) return null;
  return (
    <div className={classes.picks} role="status">
      <span>{second === undefined ? "One trace picked: pick another to compare." : "Two traces picked."}</span>
      {second !== undefined && (
        <Button component={Link} {...({ to: "/traces/compare", search: compareSearch(first, second) } as object)} size="compact-sm" leftSection={<IconArrowsDiff size={14} />}>
          Compare
        </Button>
      )}
      <Button variant="subtle" color="gray" size="compact-sm" onClick={onClear}>
        Clear picks
      </Button>
    </div>
  );
}
