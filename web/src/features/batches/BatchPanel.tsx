import { Button } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { asApiError } from "@/api/client";
import { batchQuery } from "@/api/queries";
import type { BatchDetail, BatchView } from "@/api/types";
import { batchFile, cancelBatch } from "@/api/writes";
import { ago, bytes, duration, exactTime, grouped, sentence } from "@/lib/format";
import { useNow } from "@/lib/now";
import { Confirm } from "@/ui/Confirm";
import { Badge, CopyButton, ErrorNote, Fields, Skeleton } from "@/ui/parts";
import { SidePanel } from "@/ui/SidePanel";
import { toast } from "@/ui/toast";
import classes from "./batches.module.css";
import { canCancel, isOver, restMs, runMs, toneOf, wordOf } from "./progress";
import { Progress } from "./Progress";

function failed(error: unknown): void {
  const failure = asApiError(error);
  toast("error", failure.title, failure.message);
}

function Time({ at, now }: { at: string | null; now: number }) {
  return at === null ? "–" : <span title={exactTime(new Date(at))}>{ago(new Date(at), new Date(now))}</span>;
}

function Heading({ children }: { children: ReactNode }) {
  return <h3 className={classes.heading}>{children}</h3>;
}

function Runs({ batch, now }: { batch: BatchView; now: number }) {
  const rest = restMs(batch, now);
  const { total, completed, failed } = batch.counts;
  return (
    <>
      <Progress batch={batch} wide />
      <p className={classes.counts}>
        <b>{grouped(completed)}</b> answered · <b className={failed > 0 ? classes.failedText : undefined}>{grouped(failed)}</b> failed · {grouped(total - completed - failed)} to go
        {rest !== null && <> · about {duration(rest)} left at this pace</>}
      </p>
    </>
  );
}

function Faults({ detail }: { detail: BatchDetail }) {
  if (detail.errors.length === 0) return null;
  return (
    <>
      <Heading>Why it failed</Heading>
      <ul className={classes.faults}>
        {detail.errors.map((fault, index) => (
          <li key={index}>
            {fault.line !== null && <span className={classes.line}>line {fault.line}</span>}
            <span>{sentence(fault.message)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function Jobs({ detail, now }: { detail: BatchDetail; now: number }) {
  if (detail.jobs.length === 0 && detail.queued_lines === 0) return null;
  return (
    <>
      <Heading>Who runs it</Heading>
      <table className={classes.jobs}>
        <thead>
          <tr>
            <th>Where</th>
            <th data-right>Lines</th>
            <th>State</th>
          </tr>
        </thead>
        <tbody>
          {detail.jobs.map((job, index) => (
            <tr key={index}>
              <td>
                {job.account}/{job.model}
                <div className={classes.dim}>
                  batch service of {job.provider}
                  {job.upstream_id !== "" && <> · {job.upstream_id}</>}
                  {job.submitted_at !== null && (
                    <>
                      {" "}
                      · sent <Time at={job.submitted_at} now={now} />
                    </>
                  )}
                </div>
              </td>
              <td data-right>{grouped(job.lines)}</td>
              <td>
                {job.state}
                {job.detail !== "" && <div className={classes.dim}>{sentence(job.detail)}</div>}
              </td>
            </tr>
          ))}
          {detail.queued_lines > 0 && (
            <tr>
              <td>
                one by one
                <div className={classes.dim}>their account has no batch service, or did not take them</div>
              </td>
              <td data-right>{grouped(detail.queued_lines)}</td>
              <td />
            </tr>
          )}
        </tbody>
      </table>
    </>
  );
}

function Files({ detail, project }: { detail: BatchDetail; project: string }) {
  const save = useMutation({
    mutationFn: (which: "input" | "output" | "errors") => batchFile(project, detail.batch.id, which),
    onError: failed,
  });
  const files = [
    ["output", "Answers", detail.output_file],
    ["errors", "Errors", detail.error_file],
    ["input", "Input", detail.input_file],
  ] as const;
  const there = files.filter(([, , file]) => file !== null);
  if (there.length === 0) return null;
  return (
    <>
      <Heading>Files</Heading>
      <div className={classes.files}>
        {there.map(([which, label, file]) => (
          <Button key={which} variant="default" leftSection={<IconDownload size={15} />} loading={save.isPending && save.variables === which} onClick={() => save.mutate(which)}>
            {label} <span className={classes.size}>{bytes(file?.size_bytes)}</span>
          </Button>
        ))}
      </div>
      {!isOver(detail.batch.status) && <p className={classes.dim}>Answers and errors can be downloaded once the batch is over.</p>}
    </>
  );
}

function Cancel({ batch, project }: { batch: BatchView; project: string }) {
  const [asking, setAsking] = useState(false);
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => cancelBatch(project, batch.id),
    onError: failed,
    onSettled: () => {
      setAsking(false);
      void client.invalidateQueries({ queryKey: ["batches"] });
    },
  });
  if (!canCancel(batch.status)) return null;
  return (
    <>
      <Button variant="default" onClick={() => setAsking(true)}>
        Cancel batch
      </Button>
      <Confirm opened={asking} title="Cancel this batch?" action="Cancel batch" busy={cancel.isPending} onCancel={() => setAsking(false)} onConfirm={() => cancel.mutate()}>
        Lines that have run keep their answers; the others are not run.
      </Confirm>
    </>
  );
}

export function BatchPanel({ id, project, keyName, onClose }: { id: string; project: string; keyName: (id: string) => string; onClose: () => void }) {
  const query = useQuery({ ...batchQuery(project, id), refetchInterval: (state) => (state.state.data !== undefined && isOver(state.state.data.batch.status) ? false : 2_000) });
  const now = useNow(1_000);
  const detail = query.data;
  return (
    <SidePanel
      label={`batch ${id}`}
      title={
        <>
          <span className={classes.id}>{id}</span>
          <CopyButton text={id} label="Copy id" />
        </>
      }
      onClose={onClose}
    >
      {query.isError && detail === undefined && <ErrorNote failure={asApiError(query.error)} />}
      {query.isPending && <Skeleton height={120} />}
      {detail !== undefined && (
        <div className={classes.detail}>
          <div className={classes.state}>
            <Badge tone={toneOf(detail.batch)}>{wordOf(detail.batch.status)}</Badge>
            <Cancel batch={detail.batch} project={project} />
          </div>
          {detail.batch.counts.total > 0 && <Runs batch={detail.batch} now={now} />}
          <Faults detail={detail} />
          <Files detail={detail} project={project} />
          <Jobs detail={detail} now={now} />
          <Heading>About</Heading>
          <Fields
            rows={[
              ["Endpoint", detail.batch.endpoint],
              [
                "Virtual key",
                <Link key="key" to={"/traces" as never} search={{ key: [detail.batch.key_id] } as never} title="Its traces">
                  {keyName(detail.batch.key_id)}
                </Link>,
              ],
              ["Created", <Time key="created" at={detail.batch.created_at} now={now} />],
              ["Ran for", duration(runMs(detail.batch, now))],
              detail.batch.ended_at === null ? ["Window ends", exactTime(new Date(detail.batch.expires_at)).split("\n")[0]] : ["Ended", <Time key="ended" at={detail.batch.ended_at} now={now} />],
              ...Object.entries(detail.batch.metadata).map(([name, value]) => [name, value] as const),
            ]}
          />
        </div>
      )}
    </SidePanel>
  );
}
