import { ActionIcon, Button, Popover, TextInput, Tooltip, UnstyledButton } from "@mantine/core";
import { IconCalendarTime, IconCheck, IconChevronDown, IconRefresh, IconSearch } from "@tabler/icons-react";
import { useIsFetching } from "@tanstack/react-query";
import { Link, useLocation } from "@tanstack/react-router";
import { useState } from "react";
import { refreshNow } from "@/lib/now";
import { lastLabel, PRESETS, spanLabel } from "@/lib/range";
import { useRange, type RangeControl } from "@/lib/useRange";
import { Kbd } from "@/ui/parts";
import { PAGES } from "./nav";
import classes from "./shell.module.css";

const label = (range: RangeControl): string => (range.preset === null ? spanLabel(range) : lastLabel(range.preset));

/** The form of `datetime-local`, in the viewer's zone. */
function local(at: Date): string {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function Custom({ range, onDone }: { range: RangeControl; onDone: () => void }) {
  const [from, setFrom] = useState(local(range.from));
  const [to, setTo] = useState(local(range.to));
  const valid = from !== "" && to !== "" && new Date(from) < new Date(to);
  return (
    <form
      className={classes.custom}
      onSubmit={(event) => {
        event.preventDefault();
        if (!valid) return;
        range.setSpan(new Date(from), new Date(to));
        onDone();
      }}
    >
      <TextInput type="datetime-local" label="From" value={from} onChange={(event) => setFrom(event.currentTarget.value)} />
      <TextInput type="datetime-local" label="To" value={to} onChange={(event) => setTo(event.currentTarget.value)} error={valid ? undefined : "Must be after the start"} />
      <Button type="submit" disabled={!valid}>
        Show this range
      </Button>
    </form>
  );
}

function RangePicker() {
  const range = useRange();
  const [open, setOpen] = useState(false);
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" trapFocus>
      <Popover.Target>
        <UnstyledButton className={classes.range} onClick={() => setOpen(!open)} aria-label={`Time range: ${label(range)}`} title={`${range.from.toISOString()} – ${range.to.toISOString()} (UTC)`}>
          <IconCalendarTime size={15} aria-hidden />
          <span className={classes.rangeText}>{label(range)}</span>
          <IconChevronDown size={14} aria-hidden />
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown>
        <div className={classes.rangePanel}>
          <div className={classes.presets} role="listbox" aria-label="Presets">
            {PRESETS.map((preset) => (
              <button
                key={preset.id}
                type="button"
                role="option"
                aria-selected={preset.id === range.preset}
                className={classes.preset}
                onClick={() => {
                  range.setPreset(preset.id);
                  setOpen(false);
                }}
              >
                <span>{preset.label}</span>
                {preset.id === range.preset && <IconCheck size={14} aria-hidden />}
              </button>
            ))}
          </div>
          <Custom range={range} onDone={() => setOpen(false)} key={String(open)} />
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

export function Header({ onPalette }: { onPalette: () => void }) {
  const { pathname: path } = useLocation();
  const busy = useIsFetching({ predicate: (query) => ["overview", "traces", "facets", "sessions", "users", "query", "metrics", "logs"].includes(String(query.queryKey[0])) }) > 0;
  const page = PAGES.find((each) => (each.to === "/" ? path === "/" : path.startsWith(each.to)));
  const timed = path === "/" || path.startsWith("/traces") || path.startsWith("/dashboards") || path.startsWith("/signals/") || path === "/sessions" || path === "/users";
  return (
    <header className={classes.header}>
      <div className={classes.crumb}>
        {page !== undefined && (
          <Link to={page.to as never} search={((before: Record<string, unknown>) => ({ project: before.project, range: before.range, from: before.from, to: before.to })) as never}>
            {page.label}
          </Link>
        )}
      </div>
      <UnstyledButton className={classes.search} onClick={onPalette} aria-keyshortcuts="Control+K Meta+K" title="Search or go to…">
        <IconSearch size={15} aria-hidden />
        <span className={classes.searchText}>Search or go to…</span>
        <span className={classes.searchKeys}>
          <Kbd>{/Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : "Ctrl"}</Kbd>
          <Kbd>K</Kbd>
        </span>
      </UnstyledButton>
      {timed && (
        <>
          <RangePicker />
          <Tooltip label="Refresh">
            <ActionIcon aria-label="Refresh" variant="default" size={32} onClick={refreshNow}>
              <IconRefresh size={15} className={busy ? classes.spin : undefined} />
            </ActionIcon>
          </Tooltip>
        </>
      )}
    </header>
  );
}
