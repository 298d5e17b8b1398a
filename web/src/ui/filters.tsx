/** The row above a list with what narrows it: free text and conditions. */
import { Checkbox, CloseButton, Popover, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconFilter, IconSearch } from "@tabler/icons-react";
import { useRef, useState, type ReactNode } from "react";
import { count } from "@/lib/format";
import { useKeys } from "@/lib/keys";
import classes from "./filters.module.css";
import { Kbd } from "./parts";

export interface Option {
  value: string;
  count: number;
}

export function FilterRow({ search, end, children }: { search: ReactNode; end?: ReactNode; children: ReactNode }) {
  return (
    <div className={classes.bar}>
      {search}
      <div className={classes.chips}>{children}</div>
      {end !== undefined && <div className={classes.barEnd}>{end}</div>}
    </div>
  );
}

/** A condition whose values are ticked in a list. */
export function Choice({ label, values, chosen, show, onChange, none }: { label: string; values: readonly Option[]; chosen: readonly string[]; show: (value: string) => ReactNode; onChange: (values: string[]) => void; none: string }) {
  const all = [...values, ...chosen.filter((value) => !values.some((facet) => facet.value === value)).map((value) => ({ value, count: 0 }))];
  const toggle = (value: string) => onChange(chosen.includes(value) ? chosen.filter((each) => each !== value) : [...chosen, value]);
  const active = chosen.length > 0;
  const [open, setOpen] = useState(false);
  return (
    <Chip label={label} value={active ? chosen.length === 1 ? show(chosen[0] ?? "") : `${chosen.length} chosen` : null} open={open} setOpen={setOpen} onRemove={() => onChange([])}>
        <Options label={label} none={all.length === 0 ? none : null}>
          {all.map((facet) => (
            <label key={facet.value} className={classes.choice}>
              <Checkbox checked={chosen.includes(facet.value)} onChange={() => toggle(facet.value)} />
              <span className={classes.choiceName}>{show(facet.value)}</span>
              <span className={classes.choiceCount}>{count(facet.count)}</span>
            </label>
          ))}
        </Options>
    </Chip>
  );
}

/** What a condition offers, below each other; `none` says why there is nothing. */
export function Options({ label, none, children }: { label: string; none: ReactNode; children: ReactNode }) {
  return (
    <div className={classes.choices} role="group" aria-label={label}>
      {children}
      {none !== null && <div className={classes.noChoice}>{none}</div>}
    </div>
  );
}

/** One that is pressed, where there is no more than one to take. */
export function OptionButton({ note = "", autoFocus = false, onClick, children }: { note?: string; autoFocus?: boolean; onClick: () => void; children: ReactNode }) {
  return (
    <button type="button" className={classes.choice} autoFocus={autoFocus} onClick={onClick}>
      <span className={classes.choiceName}>{children}</span>
      <span className={classes.choiceCount}>{note}</span>
    </button>
  );
}

/** A condition: its name, its value when there is one, and what opens to change it. */
export function Chip({ label, value, open, setOpen, onRemove, children }: { label: string; value: ReactNode; open: boolean; setOpen: (open: boolean) => void; onRemove: () => void; children: ReactNode }) {
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

/** A condition that is only taken away here, not made. */
export function TextChip({ label, value, onRemove }: { label: string; value: string; onRemove: () => void }) {
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

/** Free text; `/` leads into it. */
export function SearchField({ value, onChange, label, placeholder }: { value: string; onChange: (text: string | undefined) => void; label: string; placeholder: string }) {
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
      aria-label={label}
      placeholder={placeholder}
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
