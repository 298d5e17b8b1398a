import { IconUsers } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { usersQuery } from "@/api/queries";
import type { UserSummary } from "@/api/types";
import { grouped } from "@/lib/format";
import { useNow } from "@/lib/now";
import { text } from "@/lib/search";
import classes from "./activity.module.css";
import { ActivityList } from "./ActivityList";
import type { Column } from "./ActivityTable";
import { Nobody } from "./Empty";
import { Cost, Failures, Models, Tokens, When } from "./figures";
import { useActivity } from "./useActivity";
import { UserPanel } from "./UserPanel";

const idOf = (user: UserSummary) => user.user_id;

function columnsAt(now: number, open: (id: string) => void): readonly Column<UserSummary>[] {
  return [
    { label: "Last activity", width: "116px", sort: "last", render: (one) => <When at={one.last_at} now={now} /> },
    {
      label: "User",
      width: "minmax(160px, 1fr)",
      render: (one) => (
        <button type="button" className={classes.open} title={one.user_id} onClick={(event) => { event.stopPropagation(); open(one.user_id); }}>
          {one.user_id}
        </button>
      ),
    },
    { label: "Model", width: "minmax(144px, 0.6fr)", spare: true, render: (one) => <Models models={one.models} /> },
    { label: "First trace", width: "116px", spare: true, render: (one) => <When at={one.first_at} now={now} /> },
    { label: "Sessions", width: "92px", right: true, render: (one) => grouped(one.session_count) },
    { label: "Traces", width: "84px", sort: "traces", right: true, render: (one) => <span title={`${grouped(one.call_count)} model calls`}>{grouped(one.trace_count)}</span> },
    { label: "Tokens", width: "124px", right: true, render: (one) => <Tokens usage={one.usage} /> },
    { label: "Cost", width: "120px", sort: "cost", right: true, render: (one) => <Cost of={one} /> },
    { label: "Failed", width: "76px", right: true, render: (one) => <Failures of={one} /> },
  ];
}

/** Whom an application made calls for. */
export function UsersPage() {
  const state = useActivity();
  const { project, search, filter: read, range, set } = state;
  const filter = useMemo(() => ({ ...read, userId: undefined }), [read]);
  const opened = text(search.user);
  const query = useInfiniteQuery({ ...usersQuery(project?.id ?? "", range, filter), enabled: project !== undefined, refetchOnWindowFocus: false });
  const now = useNow(30_000);
  const columns = useMemo(() => columnsAt(now, (user) => set({ user })), [now, set]);
  return (
    <ActivityList
      title="Users"
      what="user"
      query={query}
      filter={filter}
      state={state}
      searched={{ label: "Search by user", placeholder: "User" }}
      columns={columns}
      idOf={idOf}
      opened={opened}
      onOpen={(one) => set({ user: one.user_id })}
      nobody={
        <Nobody icon={<IconUsers size={20} />} title="No users in this time range">
          <p>Here stands for whom your application made calls: how many, in how many sessions, at what cost. Choose a longer range, or say in your application whom a call is for:</p>
        </Nobody>
      }
      beside={opened !== undefined && project !== undefined && <UserPanel key={opened} id={opened} project={project.id} range={range} now={now} onClose={() => set({ user: undefined })} />}
    />
  );
}
