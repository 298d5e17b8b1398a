import { ActionIcon, Textarea } from "@mantine/core";
import { IconEye, IconEyeOff } from "@tabler/icons-react";
import { useState } from "react";
import type { ProviderKindView } from "@/api/types";
import { percent } from "@/lib/format";
import classes from "../settings.module.css";
import { readKeys } from "./keyLines";

interface Props {
  value: string;
  onChange: (value: string) => void;
  /** The hint of what is stored; empty input keeps it. */
  kept: string | null;
  kind: ProviderKindView | undefined;
  error: string | undefined;
}

function help(kept: string | null, kind: ProviderKindView | undefined): string {
  const several = kind?.several_keys === false ? "" : " Several take turns: one a line, with a weight before it if you like, such as “3 sk-…”.";
  if (kept !== null) return `Empty keeps ${kept}.${several}`;
  return `${kind?.needs_secret === false ? "Not needed by most servers of this kind." : "Stored encrypted, never shown again."}${several}`;
}

/** What the lines mean, once there is more than a plain key. */
function Reading({ value }: { value: string }) {
  const keys = readKeys(value);
  if (keys === null) return <p className={classes.soon}>A line is a key, or a whole number from 1 to 1000, a blank and a key.</p>;
  if (keys.length < 2) return null;
  const even = keys.every((key) => key.weight === keys[0]?.weight);
  return (
    <p className={classes.dim} role="status">
      {keys.length} keys take turns{even ? " evenly" : `: ${keys.map((key) => percent(key.share)).join(", ")} of the calls`}.
    </p>
  );
}

/** One key or several, hidden unless the reader looks. */
export function KeyField({ value, onChange, kept, kind, error }: Props) {
  const [shown, setShown] = useState(false);
  const several = kind?.several_keys !== false;
  return (
    <div className={classes.keyField}>
      <Textarea
        label={several ? "Keys" : "Key"}
        description={help(kept, kind)}
        autosize
        minRows={several ? 2 : 1}
        maxRows={8}
        autoComplete="off"
        spellCheck={false}
        value={value}
        error={error}
        onChange={(event) => onChange(event.currentTarget.value)}
        classNames={{ input: shown || value === "" ? classes.keyText : `${classes.keyText} ${classes.masked}` }}
        rightSection={
          <ActionIcon aria-label={shown ? "Hide the keys" : "Show the keys"} aria-pressed={shown} onClick={() => setShown(!shown)}>
            {shown ? <IconEyeOff size={16} /> : <IconEye size={16} />}
          </ActionIcon>
        }
      />
      {several && value !== "" && <Reading value={value} />}
    </div>
  );
}
