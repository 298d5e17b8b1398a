import { ActionIcon, Button, Checkbox, CloseButton, Menu, Popover, TextInput, Tooltip } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconColumns3, IconFilter, IconSearch } from "@tabler/icons-react";
import { useRef, useState, type ReactNode } from "react";
import type { TraceQuery } from "@/api/queries";
import type { Facet, Facets } from "@/api/types";
import { colourOf } from "@/lib/colour";
import { count, duration, tidy } from "@/lib/format";
import { useKeys } from "@/lib/keys";
import { ColourName, Kbd } from "@/ui/parts";
import { conditionCount, parseDuration } from "../filter";
import { statusWord } from "../Status";
import { COLUMNS } from "./columns";
import classes from "./list.module.css";
import type { useLayout } from "./useLayout";

interface Props {
  filter: TraceQuery;
  change: (part: Partial<TraceQuery>) => void;
  facets: Facets | undefined;
  keyName: (id: string) => string;
  layout: ReturnType<typeof useLayout>;
  children: ReactNode;
}

function Choice({ label, values, chosen, show, onChange }: { label: string; values: readonly Facet[]; chosen: readonly string[]; show: (value: string) => ReactNode; onChange: (values: string[]) => void }) {
  const all = [...values, ...chosen.filter((value) => !values.some((facet) => facet.value === value)).map((value) => ({ value, count: 0 }))];
  const toggle = (value: string) => onChange(chosen.includes(value) ? chosen.filter((each) => each !== value) : [...chosen, value]);
  const active = chosen.length > 0;
  const [open, setOpen] = useState(false);
  return (
    <Chip label={label} value={active ? chosen.length === 1 ? show(chosen[0] ?? "") : `${chosen.length} chosen` : null} open={open} setOpen={setOpen} onRemove={() => onChange([])}>
        <div className={classes.choices} role="group" aria-label={label}>
          {all.length === 0 && <div className={classes.noChoice}>None in this time range</div>}
          {all.map((facet) => (
            <label key={facet.value} className={classes.choice}>
              <Checkbox checked={chosen.includes(facet.value)} onChange={() => toggle(facet.value)} />
              <span className={classes.choiceName}>{show(facet.value)}</span>
              <span className={classes.choiceCount}>{count(facet.count)}</span>
            </label>
          ))}
        </div>
    </Chip>
  );
}

/** A condition: its name, its value when there is one, and what opens to change it. */
function Chip({ label, value, open, setOpen, onRemove, children }: { label: string; value: ReactNode; open: boolean; setOpen: (open: boolean) => void; onRemove: () => void; children: ReactNode }) {
  const active = value !== null;
  return (
    <div className={classes.chip} data-active={active || undefined}>
      <Popover opened={open} onChange={setOpen} position="bottom-start" trapFocus>
        <Popover.Target>
          <button type="button" className={classes.chipButton} onClick={() => setOpen(!open)}>
            {!active && <IconFilter size={13} aria-hidden />}
            <span>{label}</span>
            {active && <b>{value}</b>}
          </button>
        </Popover.Target>
        <Popover.Dropdown>{children}</Popover.Dropdown>
      </Popover>
      {active && <CloseButton size="xs" aria-label={`Remove ${label} filter`} onClick={onRemove} />}
    </div>
  );
}

function MinLatency({ value, onChange }: { value: number | undefined; onChange: (ms: number | undefined) => void }) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const parsed = parseDuration(text);
  const apply = (ms: number | undefined) => {
    onChange(ms);
    setOpen(false);
  };
  return (
    <Chip label="Latency" value={value === undefined ? null : `≥ ${duration(value)}`} open={open} setOpen={setOpen} onRemove={() => apply(undefined)}>
        <form
          className={classes.minimum}
          onSubmit={(event) => {
            event.preventDefault();
            if (parsed !== null) apply(parsed === 0 ? undefined : parsed);
          }}
        >
          <TextInput label="At least" placeholder="2s, 800ms, 1min" value={text} onChange={(event) => setText(event.currentTarget.value)} error={text !== "" && parsed === null ? "Such as 800ms or 2s" : undefined} data-autofocus />
          <div className={classes.quick}>
            {[500, 1000, 2000, 5000, 10_000].map((ms) => (
              <Button key={ms} variant="default" size="compact-xs" onClick={() => apply(ms)}>
                {tidy(duration(ms))}
              </Button>
            ))}
          </div>
        </form>
    </Chip>
  );
}

function TextChip({ label, value, onRemove }: { label: string; value: string; onRemove: () => void }) {
  return (
    <div className={classes.chip} data-active>
      <span className={classes.chipButton}>
        <span>{label}</span>
        <b>{value}</b>
      </span>
      <CloseButton size="xs" aria-label={`Remove ${label} filter`} onClick={onRemove} />
    </div>
  );
}

function SearchField({ value, onChange }: { value: string; onChange: (text: string | undefined) => void }) {
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(value);
  const [seen, setSeen] = useState(value);
  if (seen !== value) {
    // The URL changed by another way, such as the back button.
    setSeen(value);
    if (value !== text.trim()) setText(value);
  }
  const apply = useDebouncedCallback((next: string) => onChange(next.trim() === "" ? undefined : next.trim()), 250);
  useKeys({
    "/": () => {
      field.current?.focus();
      field.current?.select();
    },
  });
  return (
    <TextInput
      ref={field}
      className={classes.searchField}
      aria-label="Search in the text of traces"
      placeholder="Search input, output, errors, ids"
      leftSection={<IconSearch size={15} />}
      rightSection={text === "" ? <Kbd>/</Kbd> : <CloseButton size="xs" aria-label="Clear search" onClick={() => { setText(""); apply(""); }} />}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        apply(event.currentTarget.value);
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") event.currentTarget.blur();
      }}
    />
  );
}

function ColumnMenu({ layout }: { layout: ReturnType<typeof useLayout> }) {
  return (
    <Menu closeOnItemClick={false} position="bottom-end" width={200}>
      <Menu.Target>
        <Tooltip label="Columns">
          <ActionIcon variant="default" size={32} aria-label="Columns">
            <IconColumns3 size={15} />
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown>
        {COLUMNS.map((column) => {
          const visible = layout.visibility[column.id] !== false;
          return (
            <Menu.CheckboxItem
              key={column.id}
              checked={visible}
              disabled={column.id === "name"}
              onChange={(shown) => layout.setVisibility((before) => ({ ...before, [column.id]: shown }))}
            >
              {column.meta.label}
            </Menu.CheckboxItem>
          );
        })}
        <Menu.Divider />
        <Menu.Item onClick={layout.reset}>Back to the defaults</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

export function FilterBar({ filter, change, facets, keyName, layout, children }: Props) {
  const clear = () => change({ models: [], statuses: [], keyIds: [], userId: undefined, sessionId: undefined, text: undefined, minDurationMs: undefined });
  return (
    <div className={classes.bar}>
      <SearchField value={filter.text ?? ""} onChange={(text) => change({ text })} />
      <div className={classes.chips}>
        <Choice label="Status" values={facets?.statuses ?? []} chosen={filter.statuses} show={statusWord} onChange={(statuses) => change({ statuses })} />
        <Choice label="Model" values={facets?.models ?? []} chosen={filter.models} show={(model) => <ColourName colour={colourOf(model)}>{model || "none named"}</ColourName>} onChange={(models) => change({ models })} />
        <Choice label="Key" values={facets?.key_ids ?? []} chosen={filter.keyIds} show={keyName} onChange={(keyIds) => change({ keyIds })} />
        <Choice
          label="User"
          values={(facets?.users ?? []).slice(0, 50)}
          chosen={filter.userId === undefined ? [] : [filter.userId]}
          show={(user) => user}
          onChange={(users) => change({ userId: users[users.length - 1] })}
        />
        <MinLatency value={filter.minDurationMs} onChange={(minDurationMs) => change({ minDurationMs })} />
        {filter.sessionId !== undefined && <TextChip label="Session" value={filter.sessionId} onRemove={() => change({ sessionId: undefined })} />}
        {conditionCount(filter) > 0 && (
          <Button variant="subtle" color="gray" size="compact-sm" onClick={clear}>
            Clear
          </Button>
        )}
      </div>
      <div className={classes.barEnd}>
        {children}
        <ColumnMenu layout={layout} />
      </div>
    </div>
  );
}
