/** The search field of the list: a query with completion, and its fault underlined where it is. */
import { CloseButton, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useLayoutEffect, useRef, useState, type KeyboardEvent } from "react";
import type { FieldError } from "@/api/types";
import { useKeys } from "@/lib/keys";
import { fromCharacters, unfinished } from "@/lib/query";
import { Kbd } from "@/ui/parts";
import classes from "./query.module.css";
import { QueryHelp } from "./QueryHelp";
import { useCompletions, type Completed } from "./useCompletions";

const LIST_ID = "query-completions";
const FAULT_ID = "query-fault";

interface Props {
  value: string;
  onChange: (query: string | undefined) => void;
  /** What the server says of `value`. */
  fault: FieldError | undefined;
}

/** The same text under the field, of which only the line below the fault is seen. */
function Underline({ text, fault, left }: { text: string; fault: FieldError; left: number }) {
  const begin = fromCharacters(text, fault.position ?? 0);
  const end = Math.max(begin, fromCharacters(text, (fault.position ?? 0) + (fault.length ?? 1)));
  return (
    <div className={classes.mirror} aria-hidden>
      <span style={{ transform: `translateX(${-left}px)` }}>
        {text.slice(0, begin)}
        <mark>{begin === end || begin >= text.length ? "\u00a0\u00a0" : text.slice(begin, end)}</mark>
      </span>
    </div>
  );
}

function Suggestions({ items, chosen, take }: { items: Completed[]; chosen: number; take: (item: Completed) => void }) {
  return (
    <ul id={LIST_ID} role="listbox" aria-label="Completions" className={classes.list}>
      {items.map((item, index) => (
        <li
          key={item.text}
          id={`${LIST_ID}-${index}`}
          role="option"
          aria-selected={index === chosen}
          // The field keeps the focus.
          onMouseDown={(event) => {
            event.preventDefault();
            take(item);
          }}
        >
          <code>{item.text}</code>
          <span>{item.about}</span>
        </li>
      ))}
    </ul>
  );
}

/** The text as it is typed, apart from the one that is applied, and the cursor in it. */
function useDraft(value: string, onChange: Props["onChange"]) {
  const field = useRef<HTMLInputElement>(null);
  const caret = useRef<number | null>(null);
  const [text, setText] = useState(value);
  const [seen, setSeen] = useState(value);
  const [at, setAt] = useState(value.length);
  if (seen !== value) {
    // The URL changed by another way, such as the back button.
    setSeen(value);
    if (value !== text.trim()) setText(value);
  }
  useLayoutEffect(() => {
    if (caret.current !== null) field.current?.setSelectionRange(caret.current, caret.current);
    caret.current = null;
  });
  const apply = (next: string) => onChange(next.trim() === "" ? undefined : next.trim());
  const applySoon = useDebouncedCallback(apply, 350);
  const write = (next: string, place: number) => {
    setText(next);
    setAt(place);
    applySoon(unfinished(next) ? seen : next);
  };
  const put = (next: string, place: number) => {
    caret.current = place;
    write(next, place);
    field.current?.focus();
  };
  return { field, text, at, setAt, write, put, apply };
}

export function QueryField({ value, onChange, fault }: Props) {
  const { field, text, at, setAt, write, put, apply } = useDraft(value, onChange);
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState(-1);
  const [left, setLeft] = useState(0);
  const { begin, end, items } = useCompletions(text, at, open);
  const shown = open && items.length > 0;
  const wrong = fault !== undefined && text.trim() === value ? fault : undefined;
  const take = (item: Completed) => {
    const rest = text.slice(end);
    const gap = item.kind === "value" && rest === "" ? " " : "";
    put(text.slice(0, begin) + item.text + gap + rest, begin + item.text.length + gap.length);
    setChosen(-1);
    setOpen(true);
  };
  useKeys({
    "/": () => {
      field.current?.focus();
      field.current?.select();
    },
  });
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const item = items[chosen] ?? (event.key === "Tab" && begin < end ? items[0] : undefined);
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      setOpen(true);
      setChosen(shown ? (chosen + step + items.length + (chosen < 0 && step < 0 ? 1 : 0)) % items.length : -1);
    } else if ((event.key === "Enter" || event.key === "Tab") && shown && item !== undefined) {
      event.preventDefault();
      take(item);
    } else if (event.key === "Enter") {
      setOpen(false);
      apply(text);
    } else if (event.key === "Escape") {
      if (shown) setOpen(false);
      else event.currentTarget.blur();
    }
  };
  return (
    <div className={classes.field}>
      <div className={classes.inner}>
        <TextInput
          ref={field}
          role="combobox"
          aria-label="Search traces"
          aria-expanded={shown}
          aria-controls={LIST_ID}
          aria-autocomplete="list"
          aria-activedescendant={shown && chosen >= 0 ? `${LIST_ID}-${chosen}` : undefined}
          aria-describedby={wrong === undefined ? undefined : FAULT_ID}
          aria-invalid={wrong !== undefined || undefined}
          placeholder="Search words, or status:error latency:>2s"
          autoComplete="off"
          spellCheck={false}
          leftSection={<IconSearch size={15} />}
          rightSectionWidth={58}
          rightSection={
            <span className={classes.right}>
              {text === "" ? <Kbd>/</Kbd> : <CloseButton size="xs" aria-label="Clear search" onClick={() => put("", 0)} />}
              <QueryHelp take={(query) => put(query, query.length)} />
            </span>
          }
          value={text}
          onChange={(event) => {
            write(event.currentTarget.value, event.currentTarget.selectionStart ?? event.currentTarget.value.length);
            setChosen(-1);
            setOpen(true);
          }}
          onSelect={(event) => setAt(event.currentTarget.selectionStart ?? text.length)}
          onScroll={(event) => setLeft(event.currentTarget.scrollLeft)}
          onClick={() => setOpen(true)}
          onBlur={() => setOpen(false)}
          onKeyDown={onKeyDown}
        />
        {wrong !== undefined && <Underline text={text} fault={wrong} left={left} />}
        {shown && <Suggestions items={items} chosen={chosen} take={take} />}
      </div>
      {wrong !== undefined && !shown && (
        <div id={FAULT_ID} role="alert" className={classes.fault}>
          {wrong.detail}
        </div>
      )}
    </div>
  );
}
