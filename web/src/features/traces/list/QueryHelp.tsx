import { ActionIcon, Popover } from "@mantine/core";
import { IconHelp } from "@tabler/icons-react";
import { useState } from "react";
import classes from "./query.module.css";

const EXAMPLES: readonly (readonly [string, string])[] = [
  ["refund", "the word, anywhere in names, input, output, errors, metadata, ids"],
  ['"not possible"', "a phrase"],
  ["status:error model:gpt-*", "both conditions; * is any text"],
  ["model:(gpt-4o OR claude-*)", "one of several values"],
  ["-user:ada", "not this user"],
  ["latency:>2s cost_usd>0.01", "comparisons, with units"],
  ["tokens:100..200", "a range"],
  ["started_at>-2h", "the last two hours"],
  ["metadata.plan:pro", "a value by its name"],
  ["scores.helpfulness<0.5", "a score of the span or its trace"],
  ["has:error", "has something there"],
];

/** Examples behind a question mark; a click takes one over. */
export function QueryHelp({ take }: { take: (query: string) => void }) {
  const [open, setOpen] = useState(false);
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-start" width={440} trapFocus>
      <Popover.Target>
        <ActionIcon variant="subtle" color="gray" size={24} aria-label="How to search" aria-expanded={open} onClick={() => setOpen(!open)}>
          <IconHelp size={16} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown className={classes.help}>
        <p>Words are looked for in text; conditions name a field. A trace is listed when one of its spans fits everything.</p>
        <ul aria-label="Examples">
          {EXAMPLES.map(([query, meaning]) => (
            <li key={query}>
              <button
                type="button"
                onClick={() => {
                  take(query);
                  setOpen(false);
                }}
              >
                <code>{query}</code>
                <span>{meaning}</span>
              </button>
            </li>
          ))}
        </ul>
        <p>
          <b>AND</b> may be left out; <b>OR</b>, <b>NOT</b> and parentheses work as usual. Quotation marks take everything as it is.
        </p>
      </Popover.Dropdown>
    </Popover>
  );
}
