import { Button, NumberInput } from "@mantine/core";
import { IconEraser } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asApiError } from "@/api/client";
import { deletionsQuery, putRetention, retentionPreviewQuery, retentionQuery, type DeletionView, type Retention, type RetentionView } from "@/api/lifecycle";
import { useProject } from "@/api/useProject";
import { ago, exactTime, grouped, NONE } from "@/lib/format";
import { Badge, EmptyState, ErrorNote, ErrorState, Panel, Skeleton } from "@/ui/parts";
import { toast } from "@/ui/toast";
import { Section } from "../Section";
import classes from "../settings.module.css";
import styles from "./data.module.css";
import { Revisions } from "./Revisions";
import { Requested } from "./Requested";
import { KINDS, rowsOf, same, STATES } from "./kinds";

function Sweep({ kept }: { kept: RetentionView }) {
  if (kept.swept_at === null) return <span className={classes.dim}>Not applied yet: a change takes effect after ten minutes, then every hour.</span>;
  return (
    <span className={classes.dim} title={exactTime(new Date(kept.swept_at))}>
      Last applied {ago(new Date(kept.swept_at), new Date())}: {rowsOf(kept.removed) || "nothing was too old"}.
    </span>
  );
}

function RetentionForm({ project, kept }: { project: string; kept: RetentionView }) {
  const [wanted, setWanted] = useState<Retention>(kept.retention);
  const client = useQueryClient();
  const changed = !same(wanted, kept.retention);
  const preview = useQuery({ ...retentionPreviewQuery(project, wanted), enabled: changed && KINDS.some(({ field }) => (wanted[field] ?? null) !== null) });
  const save = useMutation({
    mutationFn: () => putRetention(project, wanted),
    meta: { shownInForm: true },
    onSuccess: (now) => {
      client.setQueryData(retentionQuery(project).queryKey, now);
      toast("ok", "Retention saved");
    },
  });
  const failure = save.isError ? asApiError(save.error) : null;
  const going = preview.data === undefined ? "" : rowsOf(preview.data);
  return (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {failure !== null && <ErrorNote failure={failure} />}
      <div className={styles.days}>
        {KINDS.map(({ field, label, hint }) => (
          <NumberInput
            key={field}
            label={label}
            description={hint}
            placeholder="for good"
            suffix=" days"
            min={1}
            max={3650}
            allowDecimal={false}
            value={wanted[field] ?? ""}
            error={failure?.field(field)}
            onChange={(value) => setWanted((before) => ({ ...before, [field]: typeof value === "number" ? value : null }))}
          />
        ))}
      </div>
      <div className={styles.foot}>
        <div aria-live="polite">
          {changed ? preview.isFetching ? <span className={classes.dim}>Counting what would go…</span> : going === "" ? <span className={classes.dim}>Nothing would go now.</span> : <Badge tone="warn">Ten minutes after it is saved, this goes: {going}</Badge> : <Sweep kept={kept} />}
        </div>
        <Button type="submit" loading={save.isPending} disabled={!changed}>
          Save
        </Button>
      </div>
    </form>
  );
}

/** A point in time to the second in UTC: it is shown to others as proof. */
function Since({ what, at }: { what: string; at: string }) {
  const moment = new Date(at);
  return (
    <div title={exactTime(moment)}>
      {what} since <time dateTime={at}>{moment.toISOString().slice(0, 19).replace("T", " ")} UTC</time>
    </div>
  );
}

function DeletionRow({ one, now }: { one: DeletionView; now: Date }) {
  const state = STATES[one.state];
  return (
    <tr>
      <td className={classes.strong}>
        A {one.subject}
        <div>
          <code className={classes.dim} title="A keyed hash; the id is not kept">
            {one.digest.slice(0, 12)}
          </code>
        </div>
      </td>
      <td className={classes.words}>
        <Badge tone={state.tone} title={one.detail}>
          {state.label}
        </Badge>
        {one.detail !== "" && <div className={classes.dim}>{one.detail}</div>}
      </td>
      <td className={classes.words}>
        {rowsOf(one.removed) || NONE}
        <div className={classes.dim}>
          {grouped(one.traces)} {one.traces === 1 ? "trace" : "traces"}
          {one.left === 0 ? ", none left at the last count" : ""}
        </div>
      </td>
      <Requested at={one.requested_at} by={one.requested_by} now={now} />
      <td className={`${classes.words} ${styles.proof} ${classes.dim}`}>
        {one.removed_at === null ? NONE : <Since what="unreadable" at={one.removed_at} />}
        {one.erased_at !== null && <Since what="off the disk" at={one.erased_at} />}
      </td>
    </tr>
  );
}

export function DataPage() {
  const project = useProject();
  const id = project?.id ?? "";
  const enabled = project !== undefined;
  const kept = useQuery({ ...retentionQuery(id), enabled });
  const deletions = useQuery({ ...deletionsQuery(id), enabled });
  const now = new Date();
  return (
    <>
      <section aria-labelledby="retention-title" className={styles.part}>
        <header className={classes.sectionHead}>
          <div>
            <h1 id="retention-title">Data</h1>
            <p>How long this project keeps what. Empty keeps it for good.</p>
          </div>
        </header>
        <Panel>
          {kept.isError && kept.data === undefined ? (
            <ErrorState failure={asApiError(kept.error)} onRetry={() => void kept.refetch()} />
          ) : kept.data === undefined ? (
            <div className={styles.form}>
              <Skeleton height={120} />
            </div>
          ) : (
            <RetentionForm key={`${id} ${kept.data.changed_at ?? ""}`} project={id} kept={kept.data} />
          )}
        </Panel>
      </section>
      <Revisions project={id} />
      <Section
        title="Deletions"
        lead="What was removed on request: a receipt for each. Delete a user's data on the user's page."
        action={null}
        query={deletions}
        columns={["Whose", "State", "Removed", "Requested", "Proof"]}
        still
        empty={<EmptyState icon={<IconEraser size={20} />} title="Nothing was deleted on request" />}
      >
        {(found) => found.map((one) => <DeletionRow key={one.id} one={one} now={now} />)}
      </Section>
    </>
  );
}
