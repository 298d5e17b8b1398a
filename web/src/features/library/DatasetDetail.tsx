import { Button, Select } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { asApiError } from "@/api/client";
import { datasetItemsQuery, datasetQuery, datasetVersionsQuery, experimentItemsQuery, experimentsQuery, type DatasetItemView, type ExperimentView } from "@/api/library";
import { Comments } from "@/features/comments";
import { ago, exactTime, grouped, NONE } from "@/lib/format";
import { useNow } from "@/lib/now";
import { JsonTree } from "@/ui/json/JsonTree";
import { ErrorState, Skeleton, Tabs, Tag } from "@/ui/parts";
import classes from "./library.module.css";
import { plain } from "./words";

type Tab = "items" | "experiments";
const TABS = [
  { id: "items", label: "Items" },
  { id: "experiments", label: "Experiments" },
] as const;
const SHOWN_CHARS = 200;

const preview = (value: unknown): string => (value === null || value === undefined ? NONE : (typeof value === "string" ? value : JSON.stringify(value)).slice(0, SHOWN_CHARS));

function Folding({ label, children }: { label: ReactNode; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <li className={classes.item}>
      <button type="button" className={classes.itemHead} aria-expanded={open} onClick={() => setOpen(!open)}>
        {label}
      </button>
      {open && <div className={classes.itemBody}>{children}</div>}
    </li>
  );
}

function Value({ title, value }: { title: string; value: unknown }) {
  if (value === null || value === undefined) return null;
  return typeof value === "object" ? (
    <JsonTree title={title} text={JSON.stringify(value)} />
  ) : (
    <div>
      <div className={classes.role}>{title}</div>
      <pre className={classes.text}>{plain(value)}</pre>
    </div>
  );
}

function Item({ project, dataset, item }: { project: string; dataset: string; item: DatasetItemView }) {
  return (
    <Folding
      label={
        <>
          <span className={classes.cell}>{preview(item.input)}</span>
          <span className={classes.cell}>{preview(item.expected_output)}</span>
          <span className={classes.bar}>
            {item.status === "archived" && <Tag>archived</Tag>}
            {item.splits.map((split) => (
              <Tag key={split}>{split}</Tag>
            ))}
          </span>
        </>
      }
    >
      <Value title="Input" value={item.input} />
      <Value title="Expected output" value={item.expected_output} />
      <Value title="Metadata" value={item.metadata} />
      <p className={classes.bookNote} title={exactTime(new Date(item.changed_at))}>
        Item <code>{item.id}</code>, changed {ago(new Date(item.changed_at), new Date())}
      </p>
      <Comments project={project} place={{ on: "dataset_item", subject_id: dataset, part_id: item.id }} />
    </Folding>
  );
}

function Items({ project, id, version }: { project: string; id: string; version: string }) {
  const query = useInfiniteQuery(datasetItemsQuery(project, id, version));
  if (query.isError) return <ErrorState failure={asApiError(query.error)} onRetry={() => void query.refetch()} />;
  if (query.isPending) return <Skeleton height={160} />;
  const items = query.data.pages.flatMap((page) => page.items);
  if (items.length === 0) return <p className={classes.nothing}>This version has no items.</p>;
  return (
    <>
      <div className={classes.itemNames} aria-hidden>
        <span>Input</span>
        <span>Expected output</span>
        <span>Splits</span>
      </div>
      <ol className={classes.items} aria-label="Items">
        {items.map((item) => (
          <Item key={item.id} project={project} dataset={id} item={item} />
        ))}
      </ol>
      {query.hasNextPage && (
        <Button variant="default" size="xs" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </>
  );
}

function Runs({ project, id }: { project: string; id: string }) {
  const query = useInfiniteQuery(experimentItemsQuery(project, id));
  if (query.isPending) return <Skeleton height={60} />;
  const links = query.data?.pages.flatMap((page) => page.items) ?? [];
  if (links.length === 0) return <p className={classes.nothing}>No traces have come of it yet.</p>;
  return (
    <ul className={classes.links}>
      {links.map((link) => (
        <li key={`${link.item_id}:${link.trace_id}`}>
          <Link to={"/traces/$traceId" as never} params={{ traceId: link.trace_id } as never}>
            {link.trace_id.slice(0, 12)}…
          </Link>{" "}
          <span className={classes.bookNote}>of the item {link.item_id}</span>
        </li>
      ))}
      {query.hasNextPage && (
        <Button variant="subtle" size="xs" onClick={() => void query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </ul>
  );
}

function Experiments({ project, id }: { project: string; id: string }) {
  const now = useNow(30_000);
  const query = useInfiniteQuery(experimentsQuery(project, id));
  if (query.isError) return <ErrorState failure={asApiError(query.error)} onRetry={() => void query.refetch()} />;
  if (query.isPending) return <Skeleton height={160} />;
  const found: ExperimentView[] = query.data.pages.flatMap((page) => page.items);
  if (found.length === 0) return <p className={classes.nothing}>No experiment has run over this dataset yet.</p>;
  return (
    <ol className={classes.items} aria-label="Experiments">
      {found.map((experiment) => (
        <Folding
          key={experiment.id}
          label={
            <>
              <span className={classes.cell}>{experiment.name}</span>
              <span className={classes.cell}>{experiment.description === "" ? NONE : experiment.description}</span>
              <span className={classes.bookNote} title={exactTime(new Date(experiment.created_at))}>
                {grouped(experiment.item_count)} traces · {ago(new Date(experiment.created_at), new Date(now))}
              </span>
            </>
          }
        >
          <Value title="Metadata" value={experiment.metadata} />
          <Runs project={project} id={experiment.id} />
        </Folding>
      ))}
    </ol>
  );
}

/** One dataset: the items of a version, and the experiments over it. */
export function DatasetDetail({ project, id }: { project: string; id: string }) {
  const navigate = useNavigate();
  const search: Record<string, unknown> = useSearch({ strict: false });
  const dataset = useQuery(datasetQuery(project, id));
  const versions = useInfiniteQuery(datasetVersionsQuery(project, id));
  if (dataset.isError) return <ErrorState failure={asApiError(dataset.error)} onRetry={() => void dataset.refetch()} />;
  if (dataset.data === undefined) return <Skeleton height={240} />;
  const tab: Tab = search.tab === "experiments" ? "experiments" : "items";
  const version = typeof search.version === "number" || typeof search.version === "string" ? String(search.version) : "latest";
  const choose = (more: Record<string, unknown>) => void navigate({ to: ".", replace: true, search: ((before: Record<string, unknown>) => ({ ...before, ...more })) as never });
  const known = versions.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <header className={classes.head}>
        <h2>{dataset.data.name}</h2>
        <span className={classes.bookNote}>
          {grouped(dataset.data.item_count)} items · version {dataset.data.version}
        </span>
        {dataset.data.description !== "" && <p>{dataset.data.description}</p>}
      </header>
      <div className={classes.bar}>
        <Tabs items={TABS} value={tab} onChange={(next) => choose({ tab: next === "items" ? undefined : next })} label="Parts of the dataset" />
        <span className={classes.grow} />
        {tab === "items" && (
          <Select
            size="xs"
            aria-label="Version"
            allowDeselect={false}
            data={[{ value: "latest", label: "Latest version" }, ...known.map((one) => ({ value: String(one.number), label: `v${one.number} · +${one.added} ~${one.changed} −${one.removed}${one.tags.length > 0 ? ` · ${one.tags.join(", ")}` : ""}` }))]}
            value={version}
            onChange={(value) => choose({ version: value === null || value === "latest" ? undefined : Number(value) })}
          />
        )}
      </div>
      <div role="tabpanel" id={`panel-${tab}`} aria-labelledby={`tab-${tab}`}>
        {tab === "items" ? <Items project={project} id={id} version={version} /> : <Experiments project={project} id={id} />}
      </div>
    </>
  );
}
