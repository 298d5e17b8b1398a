import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconFileExport, IconPlayerPause, IconPlayerPlay, IconPlus, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { deleteExport, exportsQuery, setExport, type ExportView, type RunView } from "@/api/lifecycle";
import { useProject } from "@/api/useProject";
import { bytes, count, exactTime, grouped, NONE } from "@/lib/format";
import { Confirm } from "@/ui/Confirm";
import { Dialog } from "@/ui/Dialog";
import { Badge, EmptyState } from "@/ui/parts";
import { Section } from "../Section";
import classes from "../settings.module.css";
import { useDialog } from "../useDialog";
import { when } from "./draft";
import { ExportForm } from "./ExportForm";

const TONES = { running: "busy", stopped: "unknown", failed: "error", done: "ok" } as const;

function placeOf(target: ExportView["target"]): string {
  return target.type === "s3" ? `${target.bucket}${target.prefix === "" || target.prefix === undefined ? "" : `/${target.prefix}`}` : (target.path ?? "") === "" ? "exports" : (target.path ?? "");
}

function Progress({ run, paused }: { run: RunView | null; paused: boolean }) {
  if (run === null) return <Badge tone="unknown">{paused ? "Stopped" : "Waits for its window"}</Badge>;
  const rate = run.rows_per_s === null ? "" : `, ${count(run.rows_per_s)} rows/s`;
  return (
    <>
      <Badge tone={TONES[run.state]} title={run.detail}>
        {run.state === "done" ? "Done" : run.state === "running" ? (run.tries > 0 ? "Tries again" : "Running") : run.state === "failed" ? "Failed" : "Stopped"}
      </Badge>{" "}
      <span className={classes.dim} title={`${exactTime(new Date(run.from_at))} to ${exactTime(new Date(run.to_at))}`}>
        {grouped(run.rows)} rows in {grouped(run.files)} {run.files === 1 ? "file" : "files"}, {bytes(run.size_bytes)}
        {rate}
      </span>
      {run.detail !== "" && <div className={classes.dim}>{run.detail}</div>}
    </>
  );
}

export function ExportsPage() {
  const project = useProject();
  const id = project?.id ?? "";
  const query = useQuery({ ...exportsQuery(id), enabled: project !== undefined });
  const dialog = useDialog<ExportView>();
  const client = useQueryClient();
  const [ending, setEnding] = useState<ExportView | null>(null);
  const again = () => client.invalidateQueries({ queryKey: exportsQuery(id).queryKey });
  const change = useMutation({ mutationFn: (one: ExportView) => setExport(id, one.id, one.paused || one.last_run?.state === "failed" ? "resume" : "stop"), onSuccess: again });
  const remove = useMutation({
    mutationFn: (one: ExportView) => deleteExport(id, one.id),
    onSuccess: async () => {
      setEnding(null);
      await again();
    },
  });
  const over = (one: ExportView) => (one.schedule ?? null) === null && one.last_run?.state === "done";
  return (
    <>
      <Section
        title="Exports"
        lead="Rows written to a folder or a bucket, whole, once for each window of time."
        action={
          <Button leftSection={<IconPlus size={14} />} onClick={dialog.openNew}>
            New export
          </Button>
        }
        query={query}
        columns={["Name", "Rows", "When", "Written to", "Last window", ""]}
        empty={
          <EmptyState icon={<IconFileExport size={20} />} title="No exports">
            <p>Order one to have traces, scores or logs written as JSON lines or Parquet.</p>
          </EmptyState>
        }
      >
        {(found) =>
          found.map((one) => (
            <tr key={one.id}>
              <td className={classes.strong}>{one.name}</td>
              <td className={classes.nowrap}>
                {one.what}, {one.format}
                {one.where.q !== undefined && one.where.q !== "" && (
                  <div>
                    <code className={classes.dim}>{one.where.q}</code>
                  </div>
                )}
              </td>
              <td className={classes.nowrap}>{when(one.schedule)}</td>
              <td className={classes.address} title={placeOf(one.target)}>
                {placeOf(one.target) || NONE}
              </td>
              <td>
                <Progress run={one.last_run} paused={one.paused} />
              </td>
              <td className={classes.rowActions}>
                {!over(one) && (
                  <Tooltip label={one.paused || one.last_run?.state === "failed" ? "Resume" : "Stop"}>
                    <ActionIcon aria-label={`${one.paused || one.last_run?.state === "failed" ? "Resume" : "Stop"} ${one.name}`} onClick={() => change.mutate(one)}>
                      {one.paused || one.last_run?.state === "failed" ? <IconPlayerPlay size={15} /> : <IconPlayerPause size={15} />}
                    </ActionIcon>
                  </Tooltip>
                )}
                <Tooltip label="Delete">
                  <ActionIcon aria-label={`Delete ${one.name}`} onClick={() => setEnding(one)}>
                    <IconTrash size={15} />
                  </ActionIcon>
                </Tooltip>
              </td>
            </tr>
          ))
        }
      </Section>
      <Dialog opened={dialog.opened} onClose={dialog.close} title="New export" size={520}>
        <ExportForm project={id} onDone={dialog.close} />
      </Dialog>
      <Confirm opened={ending !== null} title={`Delete ${ending?.name ?? ""}?`} action="Delete export" busy={remove.isPending} onCancel={() => setEnding(null)} onConfirm={() => ending !== null && remove.mutate(ending)}>
        It ends and its keys are forgotten. The files that it has written stay.
      </Confirm>
    </>
  );
}
