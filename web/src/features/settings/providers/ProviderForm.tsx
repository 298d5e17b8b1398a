import { Button, PasswordInput, Select, Switch, TagsInput, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asApiError } from "@/api/client";
import { providerKindsQuery } from "@/api/queries";
import type { ProviderPatch, ProviderView } from "@/api/types";
import { createProvider, testDraft, updateProvider } from "@/api/writes";
import { ErrorNote } from "@/ui/parts";
import { toast } from "@/ui/toast";
import classes from "../settings.module.css";
import { TestResult } from "./TestResult";

const FIELDS = ["name", "provider", "base_url", "secret", "models"] as const;

export function ProviderForm({ account, onDone }: { account: ProviderView | null; onDone: () => void }) {
  const [provider, setProvider] = useState(account?.provider ?? "openai");
  const [name, setName] = useState(account?.name ?? "");
  const [baseUrl, setBaseUrl] = useState(account?.base_url ?? "");
  const [secret, setSecret] = useState("");
  const [models, setModels] = useState<string[]>(account?.models ?? []);
  const [open, setOpen] = useState(account?.open_models ?? true);
  const { data: kinds } = useQuery(providerKindsQuery);
  const client = useQueryClient();
  const kind = kinds?.find((each) => each.name === provider);
  const shownName = name === "" ? provider.replaceAll("_", "-") : name;

  const test = useMutation({
    mutationFn: () => testDraft({ provider, base_url: baseUrl.trim(), secret, account_id: account?.id ?? "" }),
    meta: { shownInForm: true },
  });
  const save = useMutation({
    mutationFn: () => {
      const common = { name: shownName.trim(), base_url: baseUrl.trim(), models, open_models: open };
      if (account === null) return createProvider({ ...common, provider, secret });
      const patch: ProviderPatch = secret === "" ? common : { ...common, secret };
      return updateProvider(account.id, patch);
    },
    meta: { shownInForm: true },
    onSuccess: async (saved) => {
      await Promise.all([client.invalidateQueries({ queryKey: ["providers"] }), client.invalidateQueries({ queryKey: ["models"] })]);
      toast("ok", account === null ? `Account ${saved.name} added` : `Account ${saved.name} saved`);
      onDone();
    },
  });
  const failure = save.isError ? asApiError(save.error) : test.isError ? asApiError(test.error) : null;
  const atField = failure !== null && FIELDS.some((field) => failure.field(field) !== undefined);
  const needsUrl = kind !== undefined && kind.base_url === "" && baseUrl.trim() === "";
  const found = test.data?.models ?? [];
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {failure !== null && !atField && <ErrorNote failure={failure} />}
      <div className={classes.pair}>
        <Select
          label="Provider"
          data={kinds?.map((each) => ({ value: each.name, label: each.title })) ?? []}
          value={provider}
          disabled={account !== null}
          allowDeselect={false}
          searchable
          error={failure?.field("provider")}
          onChange={(value) => {
            setProvider(value ?? "openai");
            test.reset();
          }}
        />
        <TextInput label="Name" value={name} placeholder={shownName} error={failure?.field("name")} onChange={(event) => setName(event.currentTarget.value)} />
      </div>
      <TextInput
        label="Address"
        description={kind?.base_url === "" ? "Of the server, with its path, such as http://10.0.0.5:8000/v1" : "Empty for the provider's own"}
        placeholder={kind?.base_url === "" ? "http://…/v1" : kind?.base_url}
        required={kind?.base_url === ""}
        withAsterisk={false}
        value={baseUrl}
        error={failure?.field("base_url")}
        onChange={(event) => setBaseUrl(event.currentTarget.value)}
      />
      <PasswordInput
        label="Key"
        description={account?.secret_hint === undefined || account.secret_hint === null ? (kind?.needs_secret === false ? "Not needed by most servers of this kind" : "Stored encrypted, never shown again") : `Empty keeps ${account.secret_hint}`}
        autoComplete="off"
        value={secret}
        error={failure?.field("secret")}
        onChange={(event) => setSecret(event.currentTarget.value)}
      />
      <TagsInput label="Models" description="Listed for people and routes to choose from" data={found} value={models} onChange={setModels} error={failure?.field("models")} acceptValueOnBlur />
      <Switch label="Models that are not listed may be called too" checked={open} onChange={(event) => setOpen(event.currentTarget.checked)} />
      {test.data !== undefined && (
        <>
          <TestResult result={test.data} />
          {test.data.ok && found.length > 0 && found.length <= 200 && models.length === 0 && (
            <Button variant="subtle" size="compact-sm" onClick={() => setModels(found)} className={classes.start}>
              List these {found.length} models
            </Button>
          )}
        </>
      )}
      <div className={classes.formFoot}>
        <Button variant="default" loading={test.isPending} disabled={needsUrl} onClick={() => test.mutate()}>
          Test
        </Button>
        <span className={classes.spread} />
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
        <Button type="submit" loading={save.isPending} disabled={needsUrl || (account === null && kind?.needs_secret === true && secret === "")}>
          {account === null ? "Add account" : "Save"}
        </Button>
      </div>
    </form>
  );
}
