import { Button, PasswordInput, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asApiError } from "@/api/client";
import { createExport, exportsQuery } from "@/api/lifecycle";
import { viewsQuery } from "@/api/views";
import { Actions, ErrorNote } from "@/ui/parts";
import { toast } from "@/ui/toast";
import classes from "../settings.module.css";
import { bodyOf, EMPTY, ready, WEEKDAYS, type Draft } from "./draft";

const WHAT = [
  { value: "spans", label: "Spans" },
  { value: "traces", label: "Whole traces" },
  { value: "scores", label: "Scores" },
  { value: "logs", label: "Log records" },
];
const FORMATS = [
  { value: "jsonl", label: "JSON lines" },
  { value: "parquet", label: "Parquet" },
];
const WHEN = [
  { value: "once", label: "Once, all until now" },
  { value: "hour", label: "Every hour" },
  { value: "day", label: "Every day" },
  { value: "week", label: "Every week" },
];
const TARGETS = [
  { value: "folder", label: "A folder of the server" },
  { value: "s3", label: "An S3-compatible bucket" },
];
const HOURS = Array.from({ length: 24 }, (_, hour) => ({ value: String(hour), label: `${String(hour).padStart(2, "0")}:00 UTC` }));
const SHOWN = ["name", "where", "target", "keys", "schedule"];

type Set = (part: Partial<Draft>) => void;

function Choice<T extends string>({ label, data, value, onChange }: { label: string; data: { value: string; label: string }[]; value: T; onChange: (value: T) => void }) {
  return <Select label={label} data={data} value={value} allowDeselect={false} onChange={(next) => onChange((next ?? value) as T)} />;
}

function BucketFields({ draft, set, at }: { draft: Draft; set: Set; at: (field: string) => string | undefined }) {
  return (
    <>
      <TextInput label="Endpoint" placeholder="https://s3.eu-central-1.amazonaws.com" value={draft.endpoint} error={at("target/endpoint")} onChange={(event) => set({ endpoint: event.currentTarget.value })} />
      <div className={classes.pair}>
        <TextInput label="Bucket" value={draft.bucket} error={at("target/bucket")} onChange={(event) => set({ bucket: event.currentTarget.value })} />
        <TextInput label="Region" value={draft.region} error={at("target/region")} onChange={(event) => set({ region: event.currentTarget.value })} />
      </div>
      <TextInput label="Prefix" value={draft.prefix} error={at("target/prefix")} onChange={(event) => set({ prefix: event.currentTarget.value })} />
      <div className={classes.pair}>
        <TextInput label="Access key" autoComplete="off" value={draft.accessKey} error={at("keys")} onChange={(event) => set({ accessKey: event.currentTarget.value })} />
        <PasswordInput label="Secret key" autoComplete="off" value={draft.secretKey} onChange={(event) => set({ secretKey: event.currentTarget.value })} />
      </div>
    </>
  );
}

function WhenFields({ draft, set }: { draft: Draft; set: Set }) {
  return (
    <div className={classes.pair}>
      <Choice label="When" data={WHEN} value={draft.when} onChange={(when) => set({ when })} />
      {(draft.when === "day" || draft.when === "week") && <Choice label="At" data={HOURS} value={String(draft.hour)} onChange={(hour) => set({ hour: Number(hour) })} />}
      {draft.when === "week" && <Choice label="On" data={WEEKDAYS} value={String(draft.weekday)} onChange={(weekday) => set({ weekday: Number(weekday) })} />}
    </div>
  );
}

/** Takes the query of a saved view; its time range and columns are no part of an export. */
function FromView({ project, value, onChange }: { project: string; value: string; onChange: (query: string) => void }) {
  const { data } = useQuery(viewsQuery(project));
  const views = (data ?? []).filter((view) => view.list === "traces" && (view.state.q ?? "") !== "");
  if (views.length === 0) return null;
  const chosen = views.find((view) => view.state.q === value.trim());
  return (
    <Select
      label="Query of a saved view"
      placeholder="None"
      data={views.map((view) => ({ value: view.id, label: view.name }))}
      value={chosen?.id ?? null}
      onChange={(id) => onChange(views.find((view) => view.id === id)?.state.q ?? value)}
      allowDeselect={false}
    />
  );
}

export function ExportForm({ project, onDone }: { project: string; onDone: () => void }) {
  const [draft, setDraft] = useState(EMPTY);
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => createExport(project, bodyOf(draft)),
    meta: { shownInForm: true },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: exportsQuery(project).queryKey });
      toast("ok", `Export ${draft.name.trim()} ordered`);
      onDone();
    },
  });
  const set: Set = (part) => setDraft((before) => ({ ...before, ...part }));
  const failure = save.isError ? asApiError(save.error) : null;
  const at = (field: string) => failure?.field(field);
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {failure !== null && !SHOWN.some((field) => failure.field(field) !== undefined) && <ErrorNote failure={failure} />}
      <TextInput label="Name" description="Of its folder: letters, digits, dots, dashes" data-autofocus value={draft.name} error={at("name")} onChange={(event) => set({ name: event.currentTarget.value })} />
      <div className={classes.pair}>
        <Choice label="Rows" data={WHAT} value={draft.what} onChange={(what) => set({ what })} />
        <Choice label="Format" data={FORMATS} value={draft.format} onChange={(format) => set({ format })} />
      </div>
      <TextInput label="Query" placeholder="status:error model:gpt-5" description="Empty takes all" value={draft.query} error={at("where")} onChange={(event) => set({ query: event.currentTarget.value })} />
      <FromView project={project} value={draft.query} onChange={(query) => set({ query })} />
      <WhenFields draft={draft} set={set} />
      <Choice label="Write to" data={TARGETS} value={draft.target} onChange={(target) => set({ target })} />
      {draft.target === "folder" ? (
        <TextInput label="Folder" placeholder="exports" description="Below `exports` in the data folder, or absolute below an allowed folder" value={draft.path} error={at("target/path")} onChange={(event) => set({ path: event.currentTarget.value })} />
      ) : (
        <BucketFields draft={draft} set={set} at={at} />
      )}
      <Actions>
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
        <Button type="submit" loading={save.isPending} disabled={!ready(draft)}>
          Order export
        </Button>
      </Actions>
    </form>
  );
}
