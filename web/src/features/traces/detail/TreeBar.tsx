import { ActionIcon, Menu, Tooltip } from "@mantine/core";
import { IconChevronDown, IconChevronUp, IconFilter, IconFold, IconLoader2, IconSearch } from "@tabler/icons-react";
import type { RefObject } from "react";
import type { Matches } from "./useMatches";
import classes from "./treeBar.module.css";

interface Props {
  typed: string;
  onType: (text: string) => void;
  matches: Matches;
  /** Position of the selected span among the matches; -1 when it is none. */
  at: number;
  onMatch: (by: 1 | -1) => void;
  only: boolean;
  onOnly: (only: boolean) => void;
  depth: number;
  onDepth: (depth: number) => void;
  field: RefObject<HTMLInputElement | null>;
}

function Found({ matches, at }: { matches: Matches; at: number }) {
  if (matches.failed) return <>search failed</>;
  const count = matches.nodes.length;
  const busy = matches.searching && <IconLoader2 size={12} className={classes.busy} aria-label="searching" />;
  if (count === 0) return matches.searching ? busy : <>none</>;
  return (
    <>
      {at >= 0 ? `${(at + 1).toLocaleString("en-US")}/` : ""}
      {count.toLocaleString("en-US")} {busy}
    </>
  );
}

/** Search within the trace, and how deep its tree is unfolded. */
export function TreeBar({ typed, onType, matches, at, onMatch, only, onOnly, depth, onDepth, field }: Props) {
  const levels = [1, 2, 3, 4, 6, 10, 20, 50].filter((level) => level <= depth);
  return (
    <div className={classes.bar}>
      <label className={classes.search}>
        <IconSearch size={14} aria-hidden />
        <input
          ref={field}
          type="search"
          aria-label="Search in this trace"
          placeholder="Search in this trace"
          value={typed}
          onChange={(event) => onType(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") onMatch(event.shiftKey ? -1 : 1);
            if (event.key === "Escape") {
              onType("");
              event.currentTarget.blur();
            }
          }}
        />
        {matches.text !== "" && (
          <span role="status" className={classes.found}>
            <Found matches={matches} at={at} />
          </span>
        )}
      </label>
      {matches.text !== "" && (
        <>
          <ActionIcon aria-label="Previous match" disabled={matches.nodes.length === 0} onClick={() => onMatch(-1)}>
            <IconChevronUp size={15} />
          </ActionIcon>
          <ActionIcon aria-label="Next match" disabled={matches.nodes.length === 0} onClick={() => onMatch(1)}>
            <IconChevronDown size={15} />
          </ActionIcon>
          <Tooltip label="Show only matches and what leads to them">
            <ActionIcon aria-label="Only matches" aria-pressed={only} data-active={only || undefined} className={classes.only} onClick={() => onOnly(!only)}>
              <IconFilter size={15} />
            </ActionIcon>
          </Tooltip>
        </>
      )}
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <ActionIcon aria-label="Fold">
            <IconFold size={15} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => onDepth(Infinity)} rightSection="=">
            Unfold all
          </Menu.Item>
          <Menu.Item onClick={() => onDepth(1)} rightSection="-">
            Fold all
          </Menu.Item>
          {levels.length > 1 && <Menu.Divider />}
          {levels.slice(1).map((level) => (
            <Menu.Item key={level} onClick={() => onDepth(level)}>
              Show {level} levels
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </div>
  );
}
