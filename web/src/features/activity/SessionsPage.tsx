import { IconMessages } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { sessionsQuery } from "@/api/queries";
import type { SessionSummary } from "@/api/types";
import { grouped, NONE } from "@/lib/format";
import { useNow } from "@/lib/now";
import { TextChip } from "@/ui/filters";
import classes from "./activity.module.css";
import { ActivityList } from "./ActivityList";
import type { Column } from "./ActivityTable";
import { Nobody } from "./Empty";
import { Cost, Failures, Models, Tokens, When } from "./figures";
import { alone, useActivity } from "./useActivity";

const idOf = (session: SessionSummary) => session.session_id;

function columnsAt(now: number): readonly Column<SessionSummary>[] {
  return [
    { label: "Last activity", width: "116px", sort: "last", render: (one) => <When at={one.last_at} now={now} /> },
    {
      label: "Session",
      width: "minmax(144px, 0.7fr)",
      render: (one) => (
        <Link to={"/sessions/$sessionId" as never} params={{ sessionId: one.session_id } as never} search={alone()} className={classes.rowLink} title={one.session_id} preload={false}>
          {one.session_id}
        </Link>
      ),
    },
    {
      label: "User",
      width: "minmax(96px, 0.4fr)",
      render: (one) => (
        <span className={one.users.length === 0 ? classes.none : undefined} title={one.users.join("\n")}>
          {one.users[0] ?? NONE}
          {one.users.length > 1 && ` +${one.users.length - 1}`}
        </span>
      ),
    },
    { label: "Last question", width: "minmax(160px, 1.2fr)", spare: true, render: (one) => <span className={one.input_preview === "" ? classes.none : undefined} title={one.input_preview}>{one.input_preview || NONE}</span> },
    { label: "Last answer", width: "minmax(160px, 1.2fr)", spare: true, render: (one) => <span className={one.output_preview === "" ? classes.none : classes.quiet} title={one.output_preview}>{one.output_preview || NONE}</span> },
    { label: "Model", width: "144px", spare: true, render: (one) => <Models models={one.models} /> },
    { label: "Traces", width: "76px", sort: "traces", right: true, render: (one) => <span title={`${grouped(one.call_count)} model calls`}>{grouped(one.trace_count)}</span> },
    { label: "Tokens", width: "116px", right: true, render: (one) => <Tokens usage={one.usage} /> },
    { label: "Cost", width: "120px", sort: "cost", right: true, render: (one) => <Cost of={one} /> },
    { label: "Failed", width: "68px", right: true, render: (one) => <Failures of={one} /> },
  ];
}

/** Traces that belong together, such as the turns of a conversation. */
export function SessionsPage() {
  const state = useActivity();
  const { project, filter, range } = state;
  const navigate = useNavigate();
  const query = useInfiniteQuery({ ...sessionsQuery(project?.id ?? "", range, filter), enabled: project !== undefined, refetchOnWindowFocus: false });
  const now = useNow(30_000);
  const columns = useMemo(() => columnsAt(now), [now]);
  const open = (one: SessionSummary) => void navigate({ to: "/sessions/$sessionId", params: { sessionId: one.session_id }, search: alone() } as never);
  return (
    <ActivityList
      title="Sessions"
      what="session"
      query={query}
      filter={filter}
      state={state}
      searched={{ label: "Search by session or user", placeholder: "Session or user" }}
      columns={columns}
      idOf={idOf}
      onOpen={open}
      nobody={
        <Nobody icon={<IconMessages size={20} />} title="No sessions in this time range">
          <p>A session holds the traces that belong together, such as the turns of a conversation. Choose a longer range, or say in your application which session a call is of:</p>
        </Nobody>
      }
    >
      {filter.userId !== undefined && <TextChip label="User" value={filter.userId} onRemove={() => state.change({ userId: undefined })} />}
    </ActivityList>
  );
}
