import { ActionIcon, Tooltip } from "@mantine/core";
import { IconArrowsDiagonal, IconArrowsDiagonalMinimize2, IconChevronDown, IconChevronRight, IconChevronUp } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import { CopyButton } from "../parts";
import classes from "./json.module.css";
import { ancestors, describeBinary, findInJson, flatten, parseJson, withoutBinary, type Json, type JsonRow } from "./model";

const LONG_TEXT = 600;
const OPEN_DEPTH = 3;
const OPEN_SIZE = 60;

function Value({ value }: { value: Json }) {
  const [whole, setWhole] = useState(false);
  if (typeof value !== "string") {
    return <span className={typeof value === "number" ? classes.number : classes.word}>{Array.isArray(value) ? "[]" : typeof value === "object" && value !== null ? "{}" : String(value)}</span>;
  }
  const binary = describeBinary(value);
  if (binary !== null) return <span className={classes.mark}>⟨{binary}⟩</span>;
  const shown = whole || value.length <= LONG_TEXT ? value : value.slice(0, LONG_TEXT);
  return (
    <>
      <span className={classes.string}>&quot;{shown}{shown === value ? "\"" : "…"}</span>
      {shown !== value && (
        <button type="button" className={classes.more} onClick={() => setWhole(true)}>
          all {value.length.toLocaleString("en-US")} characters
        </button>
      )}
    </>
  );
}

function Row({ row, toggle }: { row: JsonRow; toggle: (path: string, open: boolean) => void }) {
  const foldable = row.kind === "open" || row.kind === "folded";
  const close = row.bracket === "[" ? "]" : "}";
  return (
    <>
      {foldable ? (
        <button type="button" className={classes.fold} aria-label={`${row.kind === "open" ? "Fold" : "Unfold"} ${row.key ?? "all"}`} aria-expanded={row.kind === "open"} onClick={() => toggle(row.path, row.kind === "folded")} tabIndex={-1}>
          {row.kind === "open" ? <IconChevronDown size={12} /> : <IconChevronRight size={12} />}
        </button>
      ) : (
        <span className={classes.gap} />
      )}
      <span>
        {row.kind === "close" ? (
          <span className={classes.mark}>{close}</span>
        ) : (
          <>
            {row.key !== null && <span className={row.inArray ? classes.index : classes.key}>{row.inArray ? row.key : `"${row.key}"`}</span>}
            {row.key !== null && <span className={classes.mark}>: </span>}
            {row.kind === "leaf" && <Value value={row.value} />}
            {row.kind === "open" && <span className={classes.mark}>{row.bracket}</span>}
            {row.kind === "folded" && (
              <span className={classes.mark}>
                {row.bracket}… {row.size} {row.bracket === "[" ? (row.size === 1 ? "item" : "items") : row.size === 1 ? "field" : "fields"} {close}
              </span>
            )}
          </>
        )}
      </span>
    </>
  );
}

function Tree({ title, text, value, bare }: { title: string; text: string; value: Json; bare: boolean }) {
  const [overrides, setOverrides] = useState<ReadonlyMap<string, boolean>>(new Map());
  const [everything, setEverything] = useState<boolean | null>(null);
  const [query, setQuery] = useState("");
  const [current, setCurrent] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);

  const hits = useMemo(() => findInJson(value, query.trim()), [value, query]);
  const revealed = useMemo(() => new Set(hits.flatMap(ancestors)), [hits]);
  const hitSet = useMemo(() => new Set(hits), [hits]);
  const rows = useMemo(
    () => flatten(value, (path, depth, size) => revealed.has(path) || (overrides.get(path) ?? everything ?? (depth === 0 || (depth < OPEN_DEPTH && size <= OPEN_SIZE)))),
    [value, overrides, everything, revealed],
  );
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => 20, overscan: 20 });
  const go = (step: number) => {
    if (hits.length === 0) return;
    const next = (current + step + hits.length) % hits.length;
    setCurrent(next);
    virtual.scrollToIndex(rows.findIndex((row) => row.path === hits[next] && row.kind !== "close"), { align: "center" });
  };
  const expanded = everything === true;
  return (
    <div className={classes.tree}>
      <div className={classes.bar} hidden={bare}>
        <span className={classes.title}>{title}</span>
        <span className={classes.search}>
          <input
            type="search"
            aria-label={`Search ${title}`}
            placeholder="Search"
            value={query}
            onChange={(event) => {
              setQuery(event.target.value);
              setCurrent(0);
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter") go(event.shiftKey ? -1 : 1);
              if (event.key === "Escape") setQuery("");
            }}
          />
        </span>
        {query !== "" && (
          <>
            <span className={classes.hits} role="status">
              {hits.length === 0 ? "none" : `${current + 1}/${hits.length}`}
            </span>
            <ActionIcon size={24} aria-label="Previous hit" onClick={() => go(-1)}>
              <IconChevronUp size={14} />
            </ActionIcon>
            <ActionIcon size={24} aria-label="Next hit" onClick={() => go(1)}>
              <IconChevronDown size={14} />
            </ActionIcon>
          </>
        )}
        <Tooltip label={expanded ? "Fold all" : "Unfold all"}>
          <ActionIcon
            size={28}
            aria-label={expanded ? "Fold all" : "Unfold all"}
            onClick={() => {
              setOverrides(new Map());
              setEverything(!expanded);
            }}
          >
            {expanded ? <IconArrowsDiagonalMinimize2 size={15} /> : <IconArrowsDiagonal size={15} />}
          </ActionIcon>
        </Tooltip>
        <CopyButton text={text} label={`Copy ${title}`} />
      </div>
      <div className={classes.rows} ref={scroller} tabIndex={0} role="region" aria-label={title}>
        <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            const hit = hitSet.has(row.path) && row.kind !== "close";
            return (
              <div
                key={item.key}
                ref={virtual.measureElement}
                data-index={item.index}
                className={classes.row}
                data-hit={hit || undefined}
                data-current={(hit && hits[current] === row.path) || undefined}
                style={{ position: "absolute", top: 0, transform: `translateY(${item.start}px)`, paddingLeft: 8 + row.depth * 16 }}
              >
                <Row row={row} toggle={(path, open) => setOverrides((before) => new Map(before).set(path, open))} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** JSON text as a folding tree with search and copy (without them when bare); any other text as it is. */
export function JsonTree({ title, text, bare = false }: { title: string; text: string; bare?: boolean }) {
  const parsed = useMemo(() => parseJson(text), [text]);
  if (parsed.ok && typeof parsed.value === "object" && parsed.value !== null) return <Tree title={title} text={text} value={parsed.value} bare={bare} />;
  return (
    <div className={classes.tree}>
      <div className={classes.bar}>
        <span className={classes.title}>{title}</span>
        <span style={{ flex: 1 }} />
        {text !== "" && <CopyButton text={text} label={`Copy ${title}`} />}
      </div>
      <pre className={classes.text}>{text === "" ? <span className={classes.mark}>Nothing was recorded.</span> : withoutBinary(text)}</pre>
    </div>
  );
}
