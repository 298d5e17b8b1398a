import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconArrowUpRight, IconListTree, IconMessageOff } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { asApiError } from "@/api/client";
import { sessionTracesQuery } from "@/api/queries";
import type { SessionSummary, TraceSummary } from "@/api/types";
import { useProject } from "@/api/useProject";
import { Comments } from "@/features/comments";
import { colourOf } from "@/lib/colour";
import { duration, exactDuration, exactTime, grouped, NONE } from "@/lib/format";
import { useKeys } from "@/lib/keys";
import { useNow } from "@/lib/now";
import { ColourName, CopyButton, EmptyState, ErrorNote, ErrorState, Skeleton } from "@/ui/parts";
import { Conversation, Status, traceSearch, useTelling } from "@/features/traces";
import classes from "./activity.module.css";
import { Cost, Failures, Models, Tokens, When } from "./figures";
import { alone } from "./useActivity";

function Fact({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Users({ users }: { users: readonly string[] }) {
  if (users.length === 0) return <span className={classes.none}>{NONE}</span>;
  return (
    <>
      {users.slice(0, 3).map((user, index) => (
        <span key={user}>
          {index > 0 && ", "}
          <Link to={"/users" as never} search={alone({ user })}>
            {user}
          </Link>
        </span>
      ))}
      {users.length > 3 && <span title={users.slice(3).join("\n")}> +{users.length - 3}</span>}
    </>
  );
}

function Head({ session, now }: { session: SessionSummary; now: number }) {
  return (
    <header className={classes.head}>
      <div className={classes.titleRow}>
        <h1 title={session.session_id}>{session.session_id}</h1>
        <CopyButton text={session.session_id} label="Copy session" size={22} />
        <span className={classes.spread} />
        <Button component={Link} variant="default" to={"/traces" as never} search={((before: Record<string, unknown>) => ({ project: before.project, from: session.first_at, to: new Date(new Date(session.last_at).getTime() + 60_000).toISOString(), session_id: session.session_id })) as never} leftSection={<IconListTree size={15} />}>
          As traces
        </Button>
      </div>
      <dl className={classes.facts}>
        <Fact label="User">
          <Users users={session.users} />
        </Fact>
        <Fact label="Began">
          <When at={session.first_at} now={now} />
        </Fact>
        <Fact label="Last activity">
          <When at={session.last_at} now={now} />
        </Fact>
        <Fact label="Traces">
          {grouped(session.trace_count)} <span className={classes.none}>({grouped(session.call_count)} calls)</span>
        </Fact>
        <Fact label="Failed">
          <Failures of={session} />
        </Fact>
        <Fact label="Tokens">
          <Tokens usage={session.usage} />
        </Fact>
        <Fact label="Cost">
          <Cost of={session} />
        </Fact>
        <Fact label="Model">
          <Models models={session.models} />
        </Fact>
      </dl>
    </header>
  );
}

/** Everything that was sent in a turn, from its most telling span. */
function Whole({ trace, project }: { trace: TraceSummary; project: string }) {
  const { span, error } = useTelling(project, trace);
  if (error !== null) return <ErrorNote failure={asApiError(error)} />;
  return <div className={classes.whole}>{span === undefined ? <Skeleton height={96} /> : <Conversation span={span} />}</div>;
}

interface TurnProps {
  trace: TraceSummary;
  project: string;
  now: number;
  selected: boolean;
  whole: boolean;
  onWhole: () => void;
}

function Turn({ trace, project, now, selected, whole, onWhole }: TurnProps) {
  const model = trace.models[0];
  return (
    <li className={classes.turn} data-selected={selected || undefined} aria-label={`${trace.name}, ${exactTime(new Date(trace.started_at)).split("\n")[0] ?? ""}`}>
      <div className={classes.turnHead}>
        <When at={trace.started_at} now={now} />
        <Status status={trace.status} code={trace.error_code} quiet />
        {model !== undefined && <ColourName colour={colourOf(model)}>{model}</ColourName>}
        <span title={exactDuration(trace.duration_ms)}>{duration(trace.duration_ms)}</span>
        <Cost of={trace} />
        <span className={classes.actions}>
          <Button variant="subtle" color="gray" size="compact-xs" aria-pressed={whole} onClick={onWhole}>
            Whole text
          </Button>
          <Tooltip label="Open trace">
            <ActionIcon component={Link} to={"/traces/$traceId" as never} params={{ traceId: trace.trace_id } as never} search={traceSearch(trace)} size={24} aria-label={`Open trace ${trace.trace_id.slice(0, 8)}`}>
              <IconArrowUpRight size={15} />
            </ActionIcon>
          </Tooltip>
        </span>
      </div>
      {whole ? (
        <Whole trace={trace} project={project} />
      ) : (
        <>
          {trace.input_preview !== "" && (
            <div className={`${classes.said} ${classes.asked}`}>
              <span className="hidden-visually">Asked: </span>
              {trace.input_preview}
            </div>
          )}
          {trace.output_preview !== "" ? (
            <div className={`${classes.said} ${trace.status === "error" ? classes.wrong : classes.answered}`}>
              <span className={trace.status === "error" ? classes.why : "hidden-visually"}>{trace.status === "error" ? "Failed: " : "Answered: "}</span>
              {trace.output_preview}
            </div>
          ) : (
            <p className={classes.silent}>{trace.status === "ok" ? "No answer was recorded." : "There was no answer."}</p>
          )}
        </>
      )}
    </li>
  );
}

/** One session as a conversation over its traces. */
export function SessionPage() {
  const params: Record<string, string | undefined> = useParams({ strict: false });
  const id = params.sessionId ?? "";
  const project = useProject();
  const navigate = useNavigate();
  const query = useInfiniteQuery({ ...sessionTracesQuery(project?.id ?? "", id), enabled: project !== undefined });
  const now = useNow(30_000);
  const [at, setAt] = useState(-1);
  const [whole, setWhole] = useState<ReadonlySet<string>>(new Set());
  const list = useRef<HTMLOListElement>(null);
  const traces = useMemo(() => query.data?.pages.flatMap((page) => page.traces) ?? [], [query.data]);
  useEffect(() => {
    list.current?.querySelector("[data-selected]")?.scrollIntoView({ block: "nearest" });
  }, [at]);
  const toggle = (trace: TraceSummary | undefined) => {
    if (trace === undefined) return;
    setWhole((before) => {
      const after = new Set(before);
      if (!after.delete(trace.trace_id)) after.add(trace.trace_id);
      return after;
    });
  };
  const chosen = traces[at];
  useKeys({
    j: () => setAt(Math.min(at + 1, traces.length - 1)),
    k: () => setAt(Math.max(at - 1, 0)),
    e: () => toggle(chosen),
    Enter: () => {
      if (chosen !== undefined) void navigate({ to: "/traces/$traceId", params: { traceId: chosen.trace_id }, search: traceSearch(chosen) } as never);
    },
  });
  const session = query.data?.pages[0]?.session;
  if (query.isError && session === undefined) {
    const failure = asApiError(query.error);
    if (failure.status === 404) {
      return (
        <EmptyState
          icon={<IconMessageOff size={20} />}
          title="There is no such session in this project"
          actions={
            <Button component={Link} variant="default" to={"/sessions" as never} search={alone()}>
              All sessions
            </Button>
          }
        >
          <p>It may have been deleted, not arrived yet, or belong to another project.</p>
        </EmptyState>
      );
    }
    return <ErrorState failure={failure} onRetry={() => void query.refetch()} />;
  }
  return (
    <div className={classes.page}>
      <div className={classes.scroll} tabIndex={0} role="region" aria-label="Conversation">
        {session === undefined ? (
          <div className={classes.note}>
            <Skeleton height={240} />
          </div>
        ) : (
          <Head session={session} now={now} />
        )}
        <ol className={classes.turns} ref={list}>
          {traces.map((trace, index) => (
            <Turn key={trace.trace_id} trace={trace} project={project?.id ?? ""} now={now} selected={index === at} whole={whole.has(trace.trace_id)} onWhole={() => toggle(trace)} />
          ))}
        </ol>
        {session !== undefined && project !== undefined && (
          <div className={classes.beside}>
            <Comments project={project.id} place={{ on: "session", subject_id: id, part_id: "" }} />
          </div>
        )}
        {query.hasNextPage && (
          <div className={classes.after}>
            <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              Show what came next
            </Button>
          </div>
        )}
      </div>
    </div>
  );
}
