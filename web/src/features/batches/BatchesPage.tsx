import { Button } from "@mantine/core";
import { IconStack2 } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { asApiError } from "@/api/client";
import { batchesQuery, keysQuery, systemQuery } from "@/api/queries";
import type { BatchView } from "@/api/types";
import { useProject } from "@/api/useProject";
import { ago, duration, exactTime, grouped, NONE } from "@/lib/format";
import { useNow } from "@/lib/now";
import { useWalk } from "@/ui/grid";
import grid from "@/ui/grid.module.css";
import { Badge, EmptyState, ErrorNote, ErrorState, Skeleton, Snippet } from "@/ui/parts";
import { BatchPanel } from "./BatchPanel";
import classes from "./batches.module.css";
import { runMs, toneOf, wordOf } from "./progress";
import { Progress } from "./Progress";

function example(gateway: string): string {
  return [
    "import os",
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url="${gateway}/v1", api_key=os.environ["PILOTHOUSE_KEY"])`,
    'lines = client.files.create(file=open("lines.jsonl", "rb"), purpose="batch")',
    "client.batches.create(",
    '    input_file_id=lines.id, endpoint="/v1/chat/completions", completion_window="24h"',
    ")",
  ].join("\n");
}

function NoBatches() {
  const { data: system } = useQuery(systemQuery);
  return (
    <div className={classes.empty}>
      <EmptyState icon={<IconStack2 size={20} />} title="No batches yet">
        <p>A batch is many calls in one file, for answers that can wait: at half price where the provider has a batch service, one by one everywhere else. Send one with any OpenAI client:</p>
      </EmptyState>
      <div className={classes.snippet}>
        <Snippet variants={[{ name: "Python", code: example(system?.gateway_url ?? "http://127.0.0.1:4000") }]} />
      </div>
    </div>
  );
}

const HEADS = ["Status", "Progress", "Lines", "Endpoint", "Key", "Created", "Ran for", "Id"] as const;

/** The end of an id tells it apart; its beginning is the time. */
const shortId = (id: string): string => (id.length > 20 ? `batch_…${id.slice(-10)}` : id);

const openBatch = (id: string | undefined) => ((before: Record<string, unknown>) => ({ ...before, batch: id })) as never;

interface RowProps {
  batch: BatchView;
  selected: boolean;
  now: number;
  keyName: (id: string) => string;
  onOpen: () => void;
}

function Row({ batch, selected, now, keyName, onOpen }: RowProps) {
  return (
    <div className={`${grid.row} ${classes.row} ${classes.columns}`} role="row" data-selected={selected || undefined} onClick={onOpen}>
      <div className={grid.cell} role="cell">
        <Badge tone={toneOf(batch)} quiet>
          {wordOf(batch.status)}
        </Badge>
      </div>
      <div className={grid.cell} role="cell">
        <Progress batch={batch} />
      </div>
      <div className={grid.cell} role="cell" data-right>
        {batch.counts.total === 0 ? NONE : grouped(batch.counts.total)}
      </div>
      <div className={`${grid.cell} ${classes.endpoint}`} role="cell">
        <span>{batch.endpoint}</span>
      </div>
      <div className={`${grid.cell} ${classes.key}`} role="cell">
        <span>{keyName(batch.key_id)}</span>
      </div>
      <div className={grid.cell} role="cell" title={exactTime(new Date(batch.created_at))}>
        <span>{ago(new Date(batch.created_at), new Date(now))}</span>
      </div>
      <div className={grid.cell} role="cell" data-right>
        {duration(runMs(batch, now))}
      </div>
      <div className={`${grid.cell} ${classes.idCell}`} role="cell">
        <Link to="." search={openBatch(batch.id)} preload={false} replace className={classes.id} title={batch.id}>
          {shortId(batch.id)}
        </Link>
      </div>
    </div>
  );
}

interface ListProps {
  batches: readonly BatchView[];
  opened: string | undefined;
  open: (id: string | undefined) => void;
  keyName: (id: string) => string;
}

function List({ batches, opened, open, keyName }: ListProps) {
  const now = useNow(1_000);
  const openedAt = batches.findIndex((batch) => batch.id === opened);
  const { at } = useWalk({ count: batches.length, open: (index) => open(batches[index]?.id), openedAt, follows: opened !== undefined });
  return (
    <div role="table" aria-label="Batches" aria-rowcount={batches.length + 1}>
      <div className={`${grid.head} ${classes.columns}`} role="row">
        {HEADS.map((head) => (
          <div key={head} className={`${grid.headCell} ${head === "Endpoint" ? (classes.endpoint ?? "") : head === "Key" ? (classes.key ?? "") : ""}`} role="columnheader" data-right={head === "Lines" || head === "Ran for" || undefined}>
            {head}
          </div>
        ))}
      </div>
      <div role="rowgroup">
        {batches.map((batch, index) => (
          <Row key={batch.id} batch={batch} selected={index === at} now={now} keyName={keyName} onOpen={() => open(batch.id)} />
        ))}
      </div>
    </div>
  );
}

/** Many calls in one file, and how far they are. */
export function BatchesPage() {
  const project = useProject();
  const navigate = useNavigate();
  const search: Record<string, unknown> = useSearch({ strict: false });
  const opened = typeof search.batch === "string" ? search.batch : undefined;
  const id = project?.id ?? "";
  const query = useInfiniteQuery({ ...batchesQuery(id), enabled: project !== undefined });
  const { data: keys } = useQuery({ ...keysQuery(id), enabled: project !== undefined });
  const batches = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const keyName = useCallback((key: string) => keys?.find((each) => each.id === key)?.name ?? key.slice(0, 8), [keys]);
  const open = useCallback((batch: string | undefined) => void navigate({ to: ".", replace: true, search: openBatch(batch) }), [navigate]);
  if (query.isError && query.data === undefined) return <ErrorState failure={asApiError(query.error)} onRetry={() => void query.refetch()} />;
  if (query.isSuccess && batches.length === 0) return <NoBatches />;
  return (
    <div className={classes.page} data-open={opened !== undefined || undefined}>
      <h1 className="hidden-visually">Batches</h1>
      <div className={grid.scroller} tabIndex={0}>
        {query.isError && (
          <div className={classes.note}>
            <ErrorNote failure={asApiError(query.error)} kept="The list below is the last that was loaded." />
          </div>
        )}
        {query.isPending ? (
          <div className={classes.note}>
            <Skeleton height={160} />
          </div>
        ) : (
          <List batches={batches} opened={opened} open={open} keyName={keyName} />
        )}
        {query.hasNextPage && (
          <div className={classes.more}>
            <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              Show older ones
            </Button>
          </div>
        )}
      </div>
      {opened !== undefined && project !== undefined && <BatchPanel key={opened} id={opened} project={project.id} keyName={keyName} onClose={() => open(undefined)} />}
    </div>
  );
}
