import { Select } from "@mantine/core";
import { IconTransferIn } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Fragment, useState } from "react";
import { receiptsQuery, systemQuery } from "@/api/queries";
import type { SystemView } from "@/api/types";
import { useProject } from "@/api/useProject";
import { ago, bytes, count, duration, exactTime, grouped, NONE } from "@/lib/format";
import { Badge, EmptyState, Snippet } from "@/ui/parts";
import { Section } from "../Section";
import classes from "../settings.module.css";
import { surfaceName, ways, type Problem, type Way } from "./receipts";

const HOURS = [
  { value: "1", label: "Last hour" },
  { value: "24", label: "Last day" },
  { value: "720", label: "Last 30 days" },
];
const COLUMNS = ["Way in", "SDK", "Signal", "Accepted", "In the store", "Rejected", "Requests refused", "Last"] as const;

const WORDS: Readonly<Record<Problem["outcome"], string>> = {
  accepted: "accepted",
  merged: "in the store",
  rejected: "rejected",
  refused: "refused",
  set_aside: "set aside after they were accepted",
};

function example(url: string): string {
  return [`export OTEL_EXPORTER_OTLP_ENDPOINT="${url}"`, 'export OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20$PILOTHOUSE_KEY"'].join("\n");
}

/** How much is accepted and not in the store yet. */
function Waiting({ system }: { system: SystemView | undefined }) {
  if (system === undefined) return <>{NONE}</>;
  const held = system.spools.filter((spool) => spool.records > 0);
  if (held.length === 0) return <Badge tone="ok">Nothing waits: all that was accepted is in the store</Badge>;
  const text = held.map((spool) => `${spool.writer}: ${grouped(spool.records)} records, ${bytes(spool.size_bytes)}, the oldest for ${duration((spool.oldest_age_s ?? 0) * 1000)}`).join("; ");
  return <Badge tone={held.some((spool) => (spool.oldest_age_s ?? 0) > 60) ? "warn" : "busy"}>On the way to the store: {text}</Badge>;
}

function ProblemRow({ problem }: { problem: Problem }) {
  const what = problem.whole ? "request" : "item";
  return (
    <tr>
      <td colSpan={COLUMNS.length}>
        <Badge tone={problem.outcome === "rejected" ? "warn" : "error"}>
          {grouped(problem.count)} {problem.count === 1 ? what : `${what}s`} {WORDS[problem.outcome]}: <code>{problem.reason}</code>
        </Badge>{" "}
        <span className={classes.dim}>{problem.sample}</span>
      </td>
    </tr>
  );
}

function WayRow({ way, now }: { way: Way; now: Date }) {
  const last = new Date(way.lastAt);
  return (
    <tr>
      <td className={classes.strong}>{surfaceName(way.surface)}</td>
      <td>{way.sdk === "" ? NONE : way.sdk}</td>
      <td>{way.signal}</td>
      <td title={grouped(way.accepted)}>{count(way.accepted)}</td>
      <td title={grouped(way.merged)}>{count(way.merged)}</td>
      <td title={grouped(way.rejected + way.setAside)}>{count(way.rejected + way.setAside)}</td>
      <td title={grouped(way.refused)}>{count(way.refused)}</td>
      <td title={exactTime(last)}>{ago(last, now)}</td>
    </tr>
  );
}

export function IngestPage() {
  const project = useProject();
  const [hours, setHours] = useState("24");
  const query = useQuery({ ...receiptsQuery(project?.id ?? "", Number(hours)), enabled: project !== undefined, select: ways });
  const { data: system } = useQuery({ ...systemQuery, refetchInterval: 5_000, staleTime: 0 });
  const now = new Date();
  const url = system?.public_url === undefined || system.public_url === "" ? window.location.origin : system.public_url;
  return (
    <Section
      title="Ingest"
      lead={
        <>
          What became of the telemetry that SDKs sent. <Waiting system={system} />
        </>
      }
      action={<Select w={136} aria-label="Time range" data={HOURS} value={hours} onChange={(value) => setHours(value ?? "24")} allowDeselect={false} />}
      query={query}
      columns={COLUMNS}
      still
      empty={
        <EmptyState icon={<IconTransferIn size={20} />} title="No telemetry came in this time">
          <p>Point any OpenTelemetry exporter here, with a key that has the permission “Ingest”:</p>
          <Snippet variants={[{ name: "Environment", code: example(url) }]} />
        </EmptyState>
      }
    >
      {(found) =>
        found.map((way) => (
          <Fragment key={way.id}>
            <WayRow way={way} now={now} />
            {way.problems.map((problem) => (
              <ProblemRow key={`${problem.outcome} ${problem.reason}`} problem={problem} />
            ))}
          </Fragment>
        ))
      }
    </Section>
  );
}
