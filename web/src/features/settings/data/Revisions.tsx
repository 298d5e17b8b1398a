import { ActionIcon, Button, Select, TextInput, Tooltip } from "@mantine/core";
import { IconHistory, IconPlayerPause, IconPlayerPlay, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asApiError } from "@/api/client";
import { createRevision, revisionsQuery, setRevision, type ModelChange, type RevisionView } from "@/api/revisions";
import { exactMoney, grouped, money, NONE } from "@/lib/format";
import { Dialog } from "@/ui/Dialog";
import { Actions, Badge, EmptyState, ErrorNote, partStyles } from "@/ui/parts";
import { toast } from "@/ui/toast";
import { Section } from "../Section";
import classes from "../settings.module.css";
import { Requested } from "./Requested";
import { changesOf, dryRunOf, EMPTY_DRAFT, KIND_CHOICES, progressOf, RANGES, realOf, stateOf, type Draft } from "./revision";
import styles from "./data.module.css";

function RevisionForm({ project, onDone }: { project: string; onDone: () => void }) {
  const [draft, setDraft] = useState<Draft>(EMPTY_DRAFT);
  const client = useQueryClient();
  const order = useMutation({
    mutationFn: () => createRevision(project, dryRunOf(draft, new Date())),
    meta: { shownInForm: true },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: revisionsQuery(project).queryKey });
      onDone();
    },
  });
  const failure = order.isError ? asApiError(order.error) : null;
  const set = (part: Partial<Draft>) => setDraft((before) => ({ ...before, ...part }));
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        order.mutate();
      }}
    >
      {failure !== null && failure.field("q") === undefined && <ErrorNote failure={failure} />}
      <Select label="What" data={KIND_CHOICES} value={draft.kind} allowDeselect={false} onChange={(kind) => set({ kind: (kind ?? draft.kind) as Draft["kind"] })} />
      <Select label="Spans that began in" data={RANGES} value={draft.range} allowDeselect={false} onChange={(range) => set({ range: range ?? draft.range })} />
      <TextInput label="Query" placeholder="model:gpt-4o*" description="Empty takes all" value={draft.query} error={failure?.field("q")} onChange={(event) => set({ query: event.currentTarget.value })} />
      <p className={classes.dim}>A dry run says first what would change. Nothing is written before you apply it.</p>
      <Actions>
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
        <Button type="submit" loading={order.isPending}>
          Start dry run
        </Button>
      </Actions>
    </form>
  );
}

function ModelRow({ one }: { one: ModelChange }) {
  const prices = [one.became_priced > 0 ? `${grouped(one.became_priced)} became priced` : "", one.became_unpriced > 0 ? `${grouped(one.became_unpriced)} became unpriced` : ""];
  return (
    <tr>
      <td className={classes.strong}>{one.model || NONE}</td>
      <td className={styles.figure}>{one.calls_before === one.calls_after ? grouped(one.calls_after) : `${grouped(one.calls_before)} → ${grouped(one.calls_after)}`}</td>
      <td className={styles.figure} title={exactMoney(one.cost_before_usd)}>
        {money(one.cost_before_usd)}
      </td>
      <td className={styles.figure} title={exactMoney(one.cost_after_usd)}>
        {money(one.cost_after_usd)}
      </td>
      <td className={classes.dim}>{prices.filter((text) => text !== "").join(", ")}</td>
    </tr>
  );
}

function Details({ one, busy, onApply, onClose }: { one: RevisionView; busy: boolean; onApply: () => void; onClose: () => void }) {
  const applies = one.dry_run && one.state === "done" && one.changed > 0;
  return (
    <div className={classes.form}>
      <p>
        {progressOf(one)} looked at, {changesOf(one) || "nothing found yet"}.{one.left > 0 && ` ${grouped(one.left)} are left as they are: their source says the cost, or there is nothing to read anew.`}
      </p>
      {one.models.length > 0 && (
        <div className={partStyles.tableWrap} role="region" aria-label="By model" tabIndex={0}>
          <table className={`${partStyles.table} ${classes.table}`}>
            <thead>
              <tr>
                {["Model", "Calls", "Cost before", "Cost after", "Prices"].map((column, index) => (
                  <th key={column} scope="col" className={index > 0 && index < 4 ? styles.figure : undefined}>
                    {column}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {one.models.map((change) => (
                <ModelRow key={change.model} one={change} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {one.prices !== "" && <p className={classes.dim}>By {one.prices}.</p>}
      {one.detail !== "" && <p className={classes.dim}>{one.detail}</p>}
      <Actions>
        <Button variant="default" onClick={onClose}>
          Close
        </Button>
        {applies && (
          <Button loading={busy} onClick={onApply}>
            Apply to {grouped(one.changed)} {one.changed === 1 ? "span" : "spans"}
          </Button>
        )}
      </Actions>
    </div>
  );
}

function RevisionRow({ one, now, onOpen, onChange }: { one: RevisionView; now: Date; onOpen: () => void; onChange: (verb: "stop" | "resume") => void }) {
  const state = stateOf(one);
  const rests = one.state === "stopped" || one.state === "failed";
  const verb = rests ? "Resume" : "Stop";
  return (
    <tr>
      <td className={classes.strong}>
        {one.kind === "reprice" ? "Price anew" : "Map anew"}
        {one.q !== "" && (
          <div>
            <code className={classes.dim}>{one.q}</code>
          </div>
        )}
      </td>
      <td>
        <Badge tone={state.tone} title={one.detail}>
          {state.label}
        </Badge>{" "}
        <span className={classes.dim}>{progressOf(one)}</span>
        {one.detail !== "" && <div className={classes.dim}>{one.detail}</div>}
      </td>
      <td>
        {changesOf(one) || NONE}
        {one.models.length > 0 && (
          <div className={classes.dim} title={`${exactMoney(one.cost_before_usd)} → ${exactMoney(one.cost_after_usd)}`}>
            {money(one.cost_before_usd)} → {money(one.cost_after_usd)}
          </div>
        )}
      </td>
      <Requested at={one.requested_at} by={one.requested_by} now={now} />
      <td className={classes.rowActions}>
        {one.state !== "done" && (
          <Tooltip label={verb}>
            <ActionIcon aria-label={`${verb} the revision`} onClick={() => onChange(rests ? "resume" : "stop")}>
              {rests ? <IconPlayerPlay size={15} /> : <IconPlayerPause size={15} />}
            </ActionIcon>
          </Tooltip>
        )}
        <Button size="compact-sm" variant="default" onClick={onOpen}>
          {one.dry_run && one.state === "done" && one.changed > 0 ? "Review" : "Details"}
        </Button>
      </td>
    </tr>
  );
}

/** Kept spans priced or mapped anew: a dry run first, what it would come to, and then the real one. */
export function Revisions({ project }: { project: string }) {
  const query = useQuery({ ...revisionsQuery(project), enabled: project !== "" });
  const client = useQueryClient();
  const [ordering, setOrdering] = useState(false);
  const [opened, setOpened] = useState<string | null>(null);
  const again = () => client.invalidateQueries({ queryKey: revisionsQuery(project).queryKey });
  const change = useMutation({ mutationFn: ({ id, verb }: { id: string; verb: "stop" | "resume" }) => setRevision(project, id, verb), onSuccess: again });
  const apply = useMutation({
    mutationFn: (dry: RevisionView) => createRevision(project, realOf(dry)),
    onSuccess: async () => {
      toast("ok", "Revision ordered");
      setOpened(null);
      await again();
    },
  });
  const shown = query.data?.find((one) => one.id === opened);
  const now = new Date();
  return (
    <div className={styles.part}>
      <Section
        title="Revisions"
        lead="Costs of the past computed with the prices of now, or the meaning of raw attributes read anew."
        action={
          <Button leftSection={<IconPlus size={14} />} onClick={() => setOrdering(true)}>
            New revision
          </Button>
        }
        query={query}
        columns={["What", "State", "Result", "Requested", ""]}
        empty={
          <EmptyState icon={<IconHistory size={20} />} title="Nothing was revised">
            <p>When a price was wrong or a mapping has become better, order a revision: a dry run says first what would change.</p>
          </EmptyState>
        }
      >
        {(found) => found.map((one) => <RevisionRow key={one.id} one={one} now={now} onOpen={() => setOpened(one.id)} onChange={(verb) => change.mutate({ id: one.id, verb })} />)}
      </Section>
      <Dialog opened={ordering} onClose={() => setOrdering(false)} title="New revision" size={460}>
        <RevisionForm project={project} onDone={() => setOrdering(false)} />
      </Dialog>
      <Dialog opened={shown !== undefined} onClose={() => setOpened(null)} title={shown?.kind === "remap" ? "Map anew" : "Price anew"} size={720}>
        {shown !== undefined && <Details one={shown} busy={apply.isPending} onApply={() => apply.mutate(shown)} onClose={() => setOpened(null)} />}
      </Dialog>
    </div>
  );
}
