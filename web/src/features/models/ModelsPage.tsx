import { Button } from "@mantine/core";
import { IconBox, IconFilterOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { asApiError } from "@/api/client";
import { catalogQuery, pricesQuery, providerKindsQuery, providersQuery } from "@/api/queries";
import { text } from "@/lib/search";
import { EmptyState, ErrorNote, ErrorState } from "@/ui/parts";
import { fits, NO_CONDITIONS, readFilter, sorted, writeFilter, type ModelFilter, type SortField } from "./catalog";
import { ModelBar } from "./ModelBar";
import { ModelPanel } from "./ModelPanel";
import { ModelTable } from "./ModelTable";
import classes from "./models.module.css";
import { PricesPanel, Problem } from "./PricesPanel";

function NoModels() {
  const { data: providers } = useQuery(providersQuery);
  const open = providers?.filter((provider) => provider.open_models) ?? [];
  if (providers === undefined) return null;
  return (
    <EmptyState
      icon={<IconBox size={20} />}
      title={providers.length === 0 ? "No model yet" : "No account lists its models"}
      actions={
        <Button component={Link} to={"/settings/providers" as never} search={(providers.length === 0 ? { new: "1" } : {}) as never}>
          {providers.length === 0 ? "Add a provider account" : "Choose the models of an account"}
        </Button>
      }
    >
      {providers.length === 0 ? (
        <p>Models come with a provider account. Each then stands here with what it can do, how much it reads and what it costs.</p>
      ) : (
        <p>
          {open.length > 0 && (
            <>
              Any model can be called, as <code>{open[0]?.name}/…</code>.{" "}
            </>
          )}
          Edit an account, press <b>Test</b> and list what it found. Each model then stands here with its prices and abilities; any other is looked up by typing its name, such as <code>{open[0]?.name ?? "openai"}/gpt-4o</code>, into the search.
        </p>
      )}
    </EmptyState>
  );
}

function NoMatch({ filter, onClear, onLookUp }: { filter: ModelFilter; onClear: () => void; onLookUp: (name: string) => void }) {
  const name = filter.text ?? "";
  return (
    <EmptyState
      icon={<IconFilterOff size={20} />}
      title="No listed model fits"
      actions={
        <>
          {name.includes("/") && <Button onClick={() => onLookUp(name)}>Look up {name}</Button>}
          <Button variant="default" onClick={onClear}>
            Clear filters
          </Button>
        </>
      }
    >
      <p>An account may take models that it does not list. Type the whole name, as account/model, to look one up. An ability that is not known does not count as one.</p>
    </EmptyState>
  );
}

/** The page's whole state, from and to the URL. */
function useModels() {
  const navigate = useNavigate();
  const search: Record<string, unknown> = useSearch({ strict: false });
  const filter = useMemo(() => readFilter(search), [search]);
  const query = useQuery(catalogQuery);
  const { data: book } = useQuery(pricesQuery);
  const { data: kinds } = useQuery(providerKindsQuery);
  const all = useMemo(() => query.data ?? [], [query.data]);
  const entries = useMemo(() => sorted(all.filter((entry) => fits(entry, filter)), filter), [all, filter]);
  const set = useCallback((part: Record<string, unknown>) => void navigate({ to: ".", replace: true, search: ((before: Record<string, unknown>) => ({ ...before, ...part })) as never }), [navigate]);
  const change = useCallback((part: Partial<ModelFilter>) => set(writeFilter({ ...filter, ...part })), [filter, set]);
  const kindTitle = useCallback((kind: string) => kinds?.find((each) => each.name === kind)?.title ?? kind, [kinds]);
  const sortBy = (sort: SortField) => change({ sort, order: sort === filter.sort && filter.order === "asc" ? "desc" : "asc" });
  const open = useCallback((name: string | undefined) => set({ model: name, panel: undefined }), [set]);
  return { filter, query, book, all, entries, set, change, sortBy, open, kindTitle, opened: text(search.model), pricesOpen: search.panel === "prices" };
}

export function ModelsPage() {
  const { filter, query, book, all, entries, set, change, sortBy, open, kindTitle, opened, pricesOpen } = useModels();
  const none = all.length === 0 ? <NoModels /> : <NoMatch filter={filter} onClear={() => change(NO_CONDITIONS)} onLookUp={open} />;
  return (
    <div className={classes.page} data-fill>
      <h1 className="hidden-visually">Models</h1>
      <ModelBar entries={all} filter={filter} book={book} change={change} onPrices={() => set({ panel: pricesOpen ? undefined : "prices", model: undefined })} kindTitle={kindTitle} />
      {query.isError && query.data === undefined ? (
        <ErrorState failure={asApiError(query.error)} onRetry={() => void query.refetch()} />
      ) : (
        <>
          {query.isError && (
            <div className={classes.above}>
              <ErrorNote failure={asApiError(query.error)} kept="The list below is the last that was loaded." />
            </div>
          )}
          {book !== undefined && book.overrides_problem !== "" && !pricesOpen && (
            <div className={classes.above}>
              <Problem text={book.overrides_problem} />
            </div>
          )}
          <div className={classes.frame}>
            {query.isSuccess && entries.length === 0 ? (
              <div className={classes.empty}>{none}</div>
            ) : (
              <ModelTable entries={entries} loading={query.isPending} filter={filter} opened={opened} onOpen={open} onSort={sortBy} kindTitle={kindTitle} />
            )}
            {opened !== undefined && <ModelPanel name={opened} known={all.find((entry) => entry.name === opened)} onClose={() => open(undefined)} />}
            {opened === undefined && pricesOpen && book !== undefined && <PricesPanel book={book} entries={all} onClose={() => set({ panel: undefined })} />}
          </div>
        </>
      )}
    </div>
  );
}
