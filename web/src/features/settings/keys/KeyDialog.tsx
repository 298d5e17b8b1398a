import { Button, Checkbox, Select, TagsInput, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asApiError } from "@/api/client";
import { modelsQuery, systemQuery } from "@/api/queries";
import type { KeyCreated, Permission } from "@/api/types";
import { createKey } from "@/api/writes";
import { snippets } from "@/lib/snippets";
import { Dialog } from "@/ui/Dialog";
import { Actions, ErrorNote, ShownOnce, Snippet } from "@/ui/parts";
import classes from "../settings.module.css";

const PERMISSIONS: readonly { id: Permission; label: string; description: string }[] = [
  { id: "inference", label: "Inference", description: "Call models through the gateway" },
  { id: "ingest", label: "Ingest", description: "Send traces, logs and metrics over OpenTelemetry" },
  { id: "read", label: "Read", description: "Read traces and figures over the API" },
  { id: "write", label: "Write", description: "Change what belongs to the project" },
  { id: "admin", label: "Admin", description: "Manage keys, providers and routes" },
];

const EXPIRIES = [
  { value: "never", label: "Never" },
  { value: "7", label: "In 7 days" },
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
  { value: "custom", label: "On a day of my choice" },
];

function expiry(choice: string, custom: string): string | null | undefined {
  if (choice === "never") return null;
  if (choice === "custom") return custom === "" ? undefined : new Date(`${custom}T23:59:59`).toISOString();
  return new Date(Date.now() + Number(choice) * 86_400_000).toISOString();
}

function KeyForm({ project, onCreated, onCancel }: { project: string; onCreated: (made: KeyCreated) => void; onCancel: () => void }) {
  const [name, setName] = useState("");
  const [permissions, setPermissions] = useState<Permission[]>(["inference"]);
  const [models, setModels] = useState<string[]>([]);
  const [choice, setChoice] = useState("never");
  const [custom, setCustom] = useState("");
  const { data: known } = useQuery(modelsQuery);
  const client = useQueryClient();
  const ends = expiry(choice, custom);
  const save = useMutation({
    mutationFn: () => createKey(project, { name: name.trim(), permissions, models, expires_at: ends ?? null }),
    meta: { shownInForm: true },
    onSuccess: async (made) => {
      onCreated(made);
      await client.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  const failure = save.isError ? asApiError(save.error) : null;
  const shownAtField = failure !== null && ["name", "permissions", "models", "expires_at"].some((field) => failure.field(field) !== undefined);
  const [tomorrow] = useState(() => new Date(Date.now() + 86_400_000).toISOString().slice(0, 10));
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {failure !== null && !shownAtField && <ErrorNote failure={failure} />}
      <TextInput label="Name" description="Which application will send it" placeholder="support-bot" data-autofocus required withAsterisk={false} value={name} error={failure?.field("name")} onChange={(event) => setName(event.currentTarget.value)} />
      <Checkbox.Group label="It may" value={permissions} onChange={(values) => setPermissions(values as Permission[])} error={failure?.field("permissions")}>
        <div className={classes.permissions}>
          {PERMISSIONS.map((permission) => (
            <Checkbox key={permission.id} value={permission.id} label={permission.label} description={permission.description} />
          ))}
        </div>
      </Checkbox.Group>
      <TagsInput
        label="Models"
        description="Names or patterns such as openai/gpt-*; none means every model"
        placeholder={models.length === 0 ? "every model" : ""}
        data={known?.map((model) => model.name) ?? []}
        value={models}
        onChange={setModels}
        error={failure?.field("models")}
        acceptValueOnBlur
      />
      <div className={classes.pair}>
        <Select label="Expires" data={EXPIRIES} value={choice} allowDeselect={false} onChange={(value) => setChoice(value ?? "never")} error={failure?.field("expires_at")} />
        {choice === "custom" && <TextInput label="At the end of" type="date" min={tomorrow} required withAsterisk={false} value={custom} onChange={(event) => setCustom(event.currentTarget.value)} />}
      </div>
      <Actions>
        <Button variant="default" onClick={onCancel}>
          Cancel
        </Button>
        <Button type="submit" loading={save.isPending} disabled={name.trim() === "" || permissions.length === 0 || ends === undefined}>
          Create key
        </Button>
      </Actions>
    </form>
  );
}

function Secret({ made, onDone }: { made: KeyCreated; onDone: () => void }) {
  const { data: system } = useQuery(systemQuery);
  const { data: models } = useQuery(modelsQuery);
  const model = models?.find((each) => made.key.models.length === 0 || made.key.models.includes(each.name))?.name ?? "account/model";
  return (
    <div className={classes.form}>
      <p className={classes.lead}>Copy the secret now. It is shown this once and kept nowhere; a lost key is replaced by a new one.</p>
      <ShownOnce text={made.secret} label="Copy secret" />
      {made.key.permissions.includes("inference") && <Snippet variants={snippets({ gateway: system?.gateway_url ?? "http://127.0.0.1:4000", key: made.secret, model })} />}
      <Actions>
        <Button onClick={onDone}>I have copied it</Button>
      </Actions>
    </div>
  );
}

export function KeyDialog({ project, opened, onClose }: { project: string; opened: boolean; onClose: () => void }) {
  const [made, setMade] = useState<KeyCreated | null>(null);
  const close = () => {
    setMade(null);
    onClose();
  };
  return (
    <Dialog
      opened={opened}
      onClose={close}
      title={made === null ? "New virtual key" : `Key ${made.key.name}`}
      size={made === null ? 480 : 640}
      firm={made !== null}
     
    >
      {made === null ? <KeyForm project={project} onCreated={setMade} onCancel={close} /> : <Secret made={made} onDone={close} />}
    </Dialog>
  );
}
