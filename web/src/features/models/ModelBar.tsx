import { Button } from "@mantine/core";
import { IconAlertTriangleFilled, IconReceipt2 } from "@tabler/icons-react";
import type { CatalogEntry, PriceBook } from "@/api/types";
import { Choice, FilterRow, SearchField } from "@/ui/filters";
import { FlagName } from "./Can";
import { conditionCount, FLAGS, NO_CONDITIONS, options, PRICED, pricedAs, providersOf, TASKS, type Flag, type ModelFilter, type Priced } from "./catalog";
import classes from "./models.module.css";

interface Props {
  entries: readonly CatalogEntry[];
  filter: ModelFilter;
  book: PriceBook | undefined;
  change: (part: Partial<ModelFilter>) => void;
  onPrices: () => void;
  kindTitle: (kind: string) => string;
}

const NONE_LISTED = "None among these models";

function PricesButton({ book, onClick }: { book: PriceBook | undefined; onClick: () => void }) {
  const wrong = book !== undefined && book.overrides_problem !== "";
  const own = book?.overrides.length ?? 0;
  return (
    <Button variant="default" size="xs" h={32} onClick={onClick} leftSection={wrong ? <IconAlertTriangleFilled size={14} color="var(--warn)" /> : <IconReceipt2 size={14} />}>
      Prices in use{own > 0 && <span className={classes.badgeCount}>{own} own</span>}
    </Button>
  );
}

export function ModelBar({ entries, filter, book, change, onPrices, kindTitle }: Props) {
  const can = (entry: CatalogEntry) => FLAGS.filter((flag) => entry.abilities[flag.id] === true).map((flag) => flag.id);
  const order = (ids: readonly string[]) => (a: { value: string }, b: { value: string }) => ids.indexOf(a.value) - ids.indexOf(b.value);
  const tasks = options(entries, (entry) => (entry.abilities.task === null ? [] : [entry.abilities.task]));
  return (
    <FilterRow
      search={<SearchField value={filter.text ?? ""} onChange={(text) => change({ text })} label="Search models by name" placeholder="Search models, routes" />}
      end={<PricesButton book={book} onClick={onPrices} />}
    >
      <Choice label="Provider" values={options(entries, providersOf).sort((a, b) => b.count - a.count)} chosen={filter.providers} show={kindTitle} onChange={(providers) => change({ providers })} none={NONE_LISTED} />
      <Choice
        label="Can"
        values={options(entries, can).sort(order(FLAGS.map((flag) => flag.id)))}
        chosen={filter.abilities}
        show={(flag) => <FlagName flag={flag as Flag} />}
        onChange={(abilities) => change({ abilities })}
        none={NONE_LISTED}
      />
      <Choice label="Task" values={tasks.sort(order(Object.keys(TASKS)))} chosen={filter.tasks} show={(task) => TASKS[task] ?? task} onChange={(chosen) => change({ tasks: chosen })} none={NONE_LISTED} />
      <Choice
        label="Price"
        values={options(entries, pricedAs).sort(order(Object.keys(PRICED)))}
        chosen={filter.priced}
        show={(priced) => PRICED[priced as Priced]}
        onChange={(priced) => change({ priced })}
        none={NONE_LISTED}
      />
      {conditionCount(filter) > 0 && (
        <Button variant="subtle" color="gray" size="compact-sm" onClick={() => change(NO_CONDITIONS)}>
          Clear
        </Button>
      )}
    </FilterRow>
  );
}
