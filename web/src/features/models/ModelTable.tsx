import { Link, useElementScrollRestoration } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type ReactNode } from "react";
import type { CatalogEntry } from "@/api/types";
import { colourOf } from "@/lib/colour";
import { grouped, NONE, percent } from "@/lib/format";
import { ColumnHead, onRow, useWalk } from "@/ui/grid";
import grid from "@/ui/grid.module.css";
import { ColourName, Skeleton, Tag } from "@/ui/parts";
import { BatchPrice, TokenPrice } from "./Amount";
import { AbilityMarks } from "./Can";
import { contextText, providersOf, sourceWord, type ModelFilter, type SortField } from "./catalog";
import classes from "./models.module.css";

const ROW_PX = 36;
const SCROLL_ID = "models";

const HEADS: readonly { id: string; label: string; sort?: SortField; right?: boolean; title?: string }[] = [
  { id: "name", label: "Model", sort: "name" },
  { id: "provider", label: "Provider", sort: "provider" },
  { id: "abilities", label: "Can" },
  { id: "context", label: "Context", sort: "context", right: true, title: "The longest input, in tokens" },
  { id: "input", label: "Input", sort: "input", right: true, title: "US dollars per million tokens" },
  { id: "cache_read", label: "Cache read", sort: "cache_read", right: true, title: "US dollars per million tokens" },
  { id: "output", label: "Output", sort: "output", right: true, title: "US dollars per million tokens" },
  { id: "batch", label: "Batch in / out", right: true, title: "US dollars per million tokens in a batch" },
  { id: "source", label: "Price from" },
];

export const openModel = (name: string | undefined) => ((before: Record<string, unknown>) => ({ ...before, model: name, panel: undefined })) as never;

function Name({ entry }: { entry: CatalogEntry }) {
  return (
    <span className={classes.nameCell}>
      <Link to="." search={openModel(entry.name)} className={classes.name} preload={false} replace>
        {entry.kind === "route" ? (
          <span>{entry.name}</span>
        ) : (
          <ColourName colour={colourOf(entry.model)} title={entry.title === "" ? entry.name : `${entry.name}\n${entry.title}`}>
            <span className={classes.dim}>{entry.account}/</span>
            {entry.model}
          </ColourName>
        )}
      </Link>
      {entry.kind === "route" && <Tag>route</Tag>}
      {entry.deprecated && (
        <span className={classes.deprecated} title="The provider gives this model up, says the price data">
          deprecated
        </span>
      )}
      {!entry.enabled && <Tag title="Its account takes no calls">disabled</Tag>}
    </span>
  );
}

/** Where a route with several targets leads, in place of a price. */
function Targets({ entry }: { entry: CatalogEntry }) {
  const all = entry.targets.reduce((sum, target) => sum + target.weight, 0);
  const parts = entry.targets.map((target) => `${percent(all === 0 ? 0 : target.weight / all)} ${target.name}`);
  return (
    <span className={classes.byTarget} title={parts.join("\n")}>
      by target: {parts.join(" · ")}
    </span>
  );
}

function Source({ entry }: { entry: CatalogEntry }) {
  const { price } = entry;
  if (price === null) return <span className={classes.dim}>{entry.targets.length === 0 ? NONE : `${entry.targets.length} targets`}</span>;
  if (price.status === "unpriced") {
    return (
      <Link to="." search={openModel(entry.name)} className={classes.setPrice} preload={false} replace title={price.detail}>
        Set a price
      </Link>
    );
  }
  return (
    <span className={price.override === null ? classes.dim : undefined} title={price.version}>
      {sourceWord(price)}
    </span>
  );
}

function Cell({ right, wide, children, of }: { right?: boolean; wide?: boolean; children: ReactNode; of?: string }) {
  return (
    <div className={`${grid.cell} ${wide === true ? classes.wide : ""} ${of === undefined ? "" : (classes[of] ?? "")}`} role="cell" data-right={right || undefined}>
      {children}
    </div>
  );
}

function Cells({ entry, kindTitle }: { entry: CatalogEntry; kindTitle: (kind: string) => string }) {
  const providers = providersOf(entry).map(kindTitle);
  const { price } = entry;
  return (
    <>
      <Cell>
        <Name entry={entry} />
      </Cell>
      <Cell of="second">
        <span className={classes.provider} title={providers.join("\n")}>
          {providers.join(", ") || NONE}
        </span>
      </Cell>
      <Cell of="third">
        <AbilityMarks abilities={entry.abilities} />
      </Cell>
      <Cell right>
        {entry.context_tokens === null ? (
          <span className={classes.dim} title="Not known">
            {NONE}
          </span>
        ) : (
          <span title={`${grouped(entry.context_tokens)} tokens`}>{contextText(entry.context_tokens)}</span>
        )}
      </Cell>
      {price === null ? (
        <Cell wide>
          <Targets entry={entry} />
        </Cell>
      ) : (
        <>
          <Cell right>
            <TokenPrice price={price} kind="input" />
          </Cell>
          <Cell right>
            <TokenPrice price={price} kind="cache_read" />
          </Cell>
          <Cell right>
            <TokenPrice price={price} kind="output" />
          </Cell>
          <Cell right>
            <BatchPrice price={price} />
          </Cell>
        </>
      )}
      <Cell>
        <Source entry={entry} />
      </Cell>
    </>
  );
}

function Head({ filter, onSort }: { filter: ModelFilter; onSort: (sort: SortField) => void }) {
  const hidden: Readonly<Record<string, string | undefined>> = { provider: classes.second, abilities: classes.third };
  return (
    <div className={`${grid.head} ${classes.columns}`} role="row">
      {HEADS.map(({ id, label, sort, right, title }) => (
        <ColumnHead key={id} label={label} right={right} title={title} className={hidden[id]} order={sort !== undefined && sort === filter.sort ? filter.order : undefined} onSort={sort === undefined ? undefined : () => onSort(sort)} />
      ))}
    </div>
  );
}

interface Props {
  entries: readonly CatalogEntry[];
  loading: boolean;
  filter: ModelFilter;
  opened: string | undefined;
  onOpen: (name: string) => void;
  onSort: (sort: SortField) => void;
  kindTitle: (kind: string) => string;
}

export function ModelTable({ entries, loading, filter, opened, onOpen, onSort, kindTitle }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const restored = useElementScrollRestoration({ id: SCROLL_ID });
  const virtual = useVirtualizer({ count: entries.length, getScrollElement: () => scroller.current, estimateSize: () => ROW_PX, overscan: 12, initialOffset: restored?.scrollY ?? 0 });
  const shown = opened === undefined ? -1 : entries.findIndex((entry) => entry.name === opened);
  const open = (index: number) => {
    const entry = entries[index];
    if (entry !== undefined) onOpen(entry.name);
  };
  const { at, choose } = useWalk({ count: entries.length, open, openedAt: shown, follows: opened !== undefined, show: virtual.scrollToIndex });
  const arrived = useRef(false);
  useEffect(() => {
    if (arrived.current || entries.length === 0) return;
    arrived.current = true;
    // A link to one model also shows where it stands in the list.
    if (shown > 0) virtual.scrollToIndex(shown, { align: "center" });
  }, [entries.length, shown, virtual]);
  return (
    <div className={grid.scroller} ref={scroller} data-scroll-restoration-id={SCROLL_ID} role="table" aria-label="Models" aria-rowcount={entries.length + 1} tabIndex={0}>
      <Head filter={filter} onSort={onSort} />
      <div role="rowgroup" className={classes.rows} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const entry = entries[item.index];
          if (entry === undefined) return null;
          return (
            <div
              key={`${entry.kind} ${entry.name}`}
              className={`${grid.row} ${classes.columns} ${classes.row}`}
              role="row"
              aria-rowindex={item.index + 2}
              data-selected={item.index === at || undefined}
              data-off={!entry.enabled || undefined}
              style={{ transform: `translateY(${item.start}px)` }}
              onClick={(event) => {
                if (!onRow(event)) return;
                choose(item.index);
                onOpen(entry.name);
              }}
            >
              <Cells entry={entry} kindTitle={kindTitle} />
            </div>
          );
        })}
      </div>
      {loading && <Ghost />}
    </div>
  );
}

function Ghost() {
  return (
    <div aria-hidden>
      {Array.from({ length: 16 }, (_row, row) => (
        <div key={row} className={`${grid.ghost} ${classes.columns} ${classes.row}`}>
          {HEADS.map(({ id }, cell) => (
            <div key={id} className={grid.cell}>
              <Skeleton width={`${45 + ((row * 7 + cell * 13) % 45)}%`} height={10} />
            </div>
          ))}
        </div>
      ))}
    </div>
  );
}
