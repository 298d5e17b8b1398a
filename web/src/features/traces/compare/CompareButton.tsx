import { Button } from "@mantine/core";
import { IconArrowsDiff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { traceSearchQuery } from "@/api/queries";
import type { TraceSummary } from "@/api/types";
import { useProject } from "@/api/useProject";
import { ago, duration } from "@/lib/format";
import { Dialog } from "@/ui/Dialog";
import { Status } from "../Status";
import classes from "./compare.module.css";
import { compareSearch } from "./usePicks";

const REACH_MS = 30 * 86_400_000;

/** Asks for the other trace, those of the same name first, and leads to both side by side. */
export function CompareButton({ summary }: { summary: TraceSummary }) {
  const [opened, setOpened] = useState(false);
  return (
    <>
      <Button variant="default" aria-label="Compare with…" leftSection={<IconArrowsDiff size={14} />} onClick={() => setOpened(true)}>
        <span className={classes.buttonText}>Compare</span>
      </Button>
      <Dialog opened={opened} onClose={() => setOpened(false)} title="Compare with…" size={640}>
        <Choice summary={summary} />
      </Dialog>
    </>
  );
}

function Choice({ summary }: { summary: TraceSummary }) {
  const project = useProject();
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const startedAt = new Date(summary.started_at);
  const [around] = useState(() => ({ from: new Date(startedAt.getTime() - REACH_MS), to: new Date() }));
  const query = useQuery(traceSearchQuery(project?.id ?? "", around, typed.trim().length >= 2 ? typed.trim() : summary.name));
  const found = (query.data?.items ?? []).filter((item) => item.trace_id !== summary.trace_id);
  const choose = (other: TraceSummary) =>
    void navigate({
      to: "/traces/compare",
      search: compareSearch(summary, other),
    } as never);
  return (
    <div className={classes.choice}>
      <input type="search" aria-label="Find a trace" placeholder="Name, id or text of a trace" value={typed} onChange={(event) => setTyped(event.target.value)} autoFocus />
      <ul aria-label="Traces">
        {found.map((item) => (
          <li key={item.trace_id}>
            <button type="button" onClick={() => choose(item)}>
              <b>{item.name}</b>
              <Status status={item.status} code={item.error_code} quiet />
              <span>{duration(item.duration_ms)}</span>
              <time dateTime={item.started_at}>{ago(new Date(item.started_at), new Date())}</time>
              <code>{item.trace_id.slice(0, 8)}</code>
            </button>
          </li>
        ))}
      </ul>
      {!query.isFetching && found.length === 0 && <p>No other trace was found.</p>}
    </div>
  );
}
