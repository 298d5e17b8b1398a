import { ActionIcon, Button, Menu, TextInput, Tooltip } from "@mantine/core";
import { IconColumns3 } from "@tabler/icons-react";
import { useState, type ReactNode } from "react";
import type { TraceQuery } from "@/api/queries";
import type { Facets, FieldError } from "@/api/types";
import { colourOf } from "@/lib/colour";
import { duration, tidy } from "@/lib/format";
import { Chip, Choice, FilterRow, TextChip } from "@/ui/filters";
import { ColourName } from "@/ui/parts";
import { choosing, chosen, leastMs, leastWord, parseDuration, withLeast, type FieldName } from "../conditions";
import { statusWord } from "../Status";
import { COLUMNS } from "./columns";
import classes from "./list.module.css";
import { QueryField } from "./QueryField";
import type { useLayout } from "./useLayout";

const NONE_IN_RANGE = "None in this time range";

interface Props {
  filter: TraceQuery;
  /** What is typed replaces the address, what is chosen is a step that leads back. */
  change: (part: Partial<TraceQuery>, typed?: boolean) => void;
  facets: Facets | undefined;
  keyName: (id: string) => string;
  layout: ReturnType<typeof useLayout>;
  /** What is wrong with the query. */
  fault: FieldError | undefined;
  children: ReactNode;
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
    <Chip label="Latency" value={value === undefined ? null : leastWord(value)} open={open} setOpen={setOpen} onRemove={() => apply(undefined)}>
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

export function FilterBar({ filter, change, facets, keyName, layout, fault, children }: Props) {
  const { q } = filter;
  const ask = (next: string | undefined) => change({ q: next });
  const choose = (name: FieldName) => (values: string[]) => ask(choosing(q, name, values));
  const sessions = chosen(q, "session");
  return (
    <FilterRow
      search={<QueryField value={q ?? ""} onChange={(next) => change({ q: next }, true)} fault={fault} />}
      end={
        <>
          {children}
          <ColumnMenu layout={layout} />
        </>
      }
    >
      <Choice label="Status" values={facets?.statuses ?? []} chosen={chosen(q, "status")} show={statusWord} onChange={choose("status")} none={NONE_IN_RANGE} />
      <Choice label="Model" values={facets?.models ?? []} chosen={chosen(q, "model")} show={(model) => <ColourName colour={colourOf(model)}>{model || "none named"}</ColourName>} onChange={choose("model")} none={NONE_IN_RANGE} />
      <Choice label="Key" values={facets?.key_ids ?? []} chosen={chosen(q, "key")} show={keyName} onChange={choose("key")} none={NONE_IN_RANGE} />
      <Choice label="User" values={(facets?.users ?? []).slice(0, 50)} chosen={chosen(q, "user")} show={(user) => user} onChange={choose("user")} none={NONE_IN_RANGE} />
      <MinLatency value={leastMs(q)} onChange={(ms) => ask(withLeast(q, ms))} />
      {sessions.length > 0 && <TextChip label="Session" value={sessions.join(", ")} onRemove={() => ask(choosing(q, "session", []))} />}
      {q !== undefined && (
        <Button variant="subtle" color="gray" size="compact-sm" onClick={() => ask(undefined)}>
          Clear
        </Button>
      )}
    </FilterRow>
  );
}
