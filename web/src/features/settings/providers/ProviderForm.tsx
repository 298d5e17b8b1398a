import { Button, Select, Switch, TagsInput, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asApiError, type ApiError } from "@/api/client";
import { providerKindsQuery } from "@/api/queries";
import type { ProviderKindView, ProviderTest, ProviderView } from "@/api/types";
import { createProvider, testDraft, updateProvider } from "@/api/writes";
import { ErrorNote } from "@/ui/parts";
import { toast } from "@/ui/toast";
import classes from "../settings.module.css";
import { readHeaders, writeHeaders } from "./headers";
import { KeyField } from "./KeyField";
import { TestResult } from "./TestResult";

const FIELDS = ["name", "provider", "base_url", "secret", "models", "headers"] as const;

/** What the form holds; an empty secret means the stored one. */
interface Draft {
  provider: string;
  name: string;
  baseUrl: string;
  secret: string;
  models: string[];
  open: boolean;
  /** One a line, `name: value`. */
  headers: string;
}

function start(account: ProviderView | null): Draft {
  if (account === null) return { provider: "openai", name: "", baseUrl: "", secret: "", models: [], open: true, headers: "" };
  return { provider: account.provider, name: account.name, baseUrl: account.base_url, secret: "", models: account.models, open: account.open_models, headers: writeHeaders(account.headers) };
}

/** The name that an account gets when none is given. */
const named = (draft: Draft) => draft.name.trim() || draft.provider.replaceAll("_", "-");

function save(account: ProviderView | null, draft: Draft): Promise<ProviderView> {
  const common = { base_url: draft.baseUrl.trim(), models: draft.models, open_models: draft.open, headers: readHeaders(draft.headers) };
  if (account === null) return createProvider({ ...common, name: named(draft), provider: draft.provider, secret: draft.secret });
  return updateProvider(account.id, draft.secret === "" ? common : { ...common, secret: draft.secret });
}

interface FieldProps {
  draft: Draft;
  change: (part: Partial<Draft>) => void;
  account: ProviderView | null;
  kind: ProviderKindView | undefined;
  failure: ApiError | null;
}

function Connection({ draft, change, account, kind, failure }: FieldProps) {
  const ownAddress = kind?.base_url === "";
  return (
    <>
      <TextInput
        label="Address"
        description={ownAddress ? "Of the server, with its path, such as http://10.0.0.5:8000/v1" : "Empty for the provider's own"}
        placeholder={ownAddress ? "http://…/v1" : kind?.base_url}
        required={ownAddress}
        withAsterisk={false}
        value={draft.baseUrl}
        error={failure?.field("base_url")}
        onChange={(event) => change({ baseUrl: event.currentTarget.value })}
      />
      <KeyField value={draft.secret} onChange={(secret) => change({ secret })} kept={account?.secret_hint ?? null} kind={kind} error={failure?.field("secret")} />
    </>
  );
}

function Identity({ draft, change, account, failure, kinds }: FieldProps & { kinds: readonly ProviderKindView[] }) {
  return (
    <div className={classes.pair}>
      <Select
        label="Provider"
        data={kinds.map((each) => ({ value: each.name, label: each.title }))}
        value={draft.provider}
        disabled={account !== null}
        allowDeselect={false}
        searchable
        error={failure?.field("provider")}
        onChange={(provider) => change({ provider: provider ?? "openai" })}
      />
      <TextInput label="Name" data-autofocus={account === null || undefined} disabled={account !== null} value={draft.name} placeholder={named(draft)} error={failure?.field("name")} onChange={(event) => change({ name: event.currentTarget.value })} />
    </div>
  );
}

function Tested({ result, listed, onList }: { result: ProviderTest; listed: boolean; onList: (models: string[]) => void }) {
  const found = result.models;
  return (
    <>
      <TestResult result={result} />
      {result.ok && !listed && found.length > 0 && found.length <= 200 && (
        <Button variant="subtle" size="compact-sm" onClick={() => onList(found)} className={classes.start}>
          List {found.length === 1 ? "this model" : `these ${found.length} models`}
        </Button>
      )}
    </>
  );
}

function incomplete(draft: Draft, account: ProviderView | null, kind: ProviderKindView | undefined): { address: boolean; secret: boolean } {
  return { address: kind?.base_url === "" && draft.baseUrl.trim() === "", secret: account === null && kind?.needs_secret === true && draft.secret === "" };
}

export function ProviderForm({ account, onDone }: { account: ProviderView | null; onDone: () => void }) {
  const [draft, setDraft] = useState(() => start(account));
  const change = (part: Partial<Draft>) => setDraft((before) => ({ ...before, ...part }));
  const { data: kinds = [] } = useQuery(providerKindsQuery);
  const client = useQueryClient();
  const kind = kinds.find((each) => each.name === draft.provider);
  const test = useMutation({
    mutationFn: () => testDraft({ provider: draft.provider, base_url: draft.baseUrl.trim(), secret: draft.secret, account_id: account?.id ?? "", headers: readHeaders(draft.headers) }),
    meta: { shownInForm: true },
  });
  const store = useMutation({
    mutationFn: () => save(account, draft),
    meta: { shownInForm: true },
    onSuccess: async (saved) => {
      await Promise.all([client.invalidateQueries({ queryKey: ["providers"] }), client.invalidateQueries({ queryKey: ["models"] })]);
      toast("ok", `Account ${saved.name} ${account === null ? "added" : "saved"}`);
      onDone();
    },
  });
  const error = store.error ?? test.error;
  const failure = error === null ? null : asApiError(error);
  const atField = failure !== null && FIELDS.some((field) => failure.field(field) !== undefined);
  const missing = incomplete(draft, account, kind);
  const fields = { draft, change, account, kind, failure };
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        store.mutate();
      }}
    >
      {failure !== null && !atField && <ErrorNote failure={failure} />}
      <Identity {...fields} kinds={kinds} />
      <Connection {...fields} />
      <TagsInput
        label="Models"
        description="Listed for people and routes to choose from"
        data={test.data?.models ?? []}
        value={draft.models}
        onChange={(models) => change({ models })}
        error={failure?.field("models")}
        acceptValueOnBlur
      />
      <Textarea
        label="Extra headers"
        description="Sent with every call, one a line, such as openai-organization: org-…; people can read them here"
        placeholder="name: value"
        autosize
        minRows={1}
        maxRows={6}
        value={draft.headers}
        error={failure?.field("headers")}
        onChange={(event) => change({ headers: event.currentTarget.value })}
      />
      <Switch label="Models that are not listed may be called too" checked={draft.open} onChange={(event) => change({ open: event.currentTarget.checked })} />
      {test.data !== undefined && <Tested result={test.data} listed={draft.models.length > 0} onList={(models) => change({ models })} />}
      <div className={classes.formFoot}>
        <Button variant="default" loading={test.isPending} disabled={missing.address} onClick={() => test.mutate()}>
          Test
        </Button>
        <span className={classes.spread} />
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
        <Button type="submit" loading={store.isPending} disabled={missing.address || missing.secret}>
          {account === null ? "Add account" : "Save"}
        </Button>
      </div>
    </form>
  );
}
