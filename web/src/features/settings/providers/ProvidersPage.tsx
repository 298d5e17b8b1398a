import { ActionIcon, Button, Menu } from "@mantine/core";
import { IconDots, IconPencil, IconPlayerPause, IconPlayerPlay, IconPlugConnected, IconPlus, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { providerKindsQuery, providersQuery } from "@/api/queries";
import type { ProviderView } from "@/api/types";
import { deleteProvider, testProvider, updateProvider } from "@/api/writes";
import { Confirm } from "@/ui/Confirm";
import { Dialog } from "@/ui/Dialog";
import { Badge, EmptyState, Tag } from "@/ui/parts";
import { toast } from "@/ui/toast";
import { Section } from "../Section";
import classes from "../settings.module.css";
import { useDialog } from "../useDialog";
import { ProviderForm } from "./ProviderForm";
import { TestResult } from "./TestResult";

function TestCell({ provider }: { provider: ProviderView }) {
  const test = useMutation({ mutationFn: () => testProvider(provider.id) });
  return (
    <div className={classes.testCell}>
      <Button variant="default" size="compact-sm" loading={test.isPending} onClick={() => test.mutate()} aria-label={`Test ${provider.name}`}>
        Test
      </Button>
      {test.data !== undefined && !test.isPending && <TestResult result={test.data} short />}
    </div>
  );
}

function More({ provider, onEdit, onDelete }: { provider: ProviderView; onEdit: () => void; onDelete: () => void }) {
  const client = useQueryClient();
  const toggle = useMutation({
    mutationFn: () => updateProvider(provider.id, { enabled: !provider.enabled }),
    onSuccess: async (now) => {
      await Promise.all([client.invalidateQueries({ queryKey: ["providers"] }), client.invalidateQueries({ queryKey: ["models"] })]);
      toast("ok", `${now.name} ${now.enabled ? "takes calls again" : "takes no more calls"}`);
    },
  });
  return (
    <Menu position="bottom-end" width={176}>
      <Menu.Target>
        <ActionIcon aria-label={`Actions for ${provider.name}`}>
          <IconDots size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconPencil size={15} />} onClick={onEdit} disabled={provider.managed}>
          Edit
        </Menu.Item>
        <Menu.Item leftSection={provider.enabled ? <IconPlayerPause size={15} /> : <IconPlayerPlay size={15} />} onClick={() => toggle.mutate()}>
          {provider.enabled ? "Disable" : "Enable"}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<IconTrash size={15} />} color="var(--error)" onClick={onDelete} disabled={provider.managed}>
          Delete
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

export function ProvidersPage() {
  const query = useQuery(providersQuery);
  const { data: kinds } = useQuery(providerKindsQuery);
  const client = useQueryClient();
  const dialog = useDialog<ProviderView>();
  const [ending, setEnding] = useState<ProviderView | null>(null);
  const remove = useMutation({
    mutationFn: (provider: ProviderView) => deleteProvider(provider.id),
    onSuccess: async (_nothing, provider) => {
      setEnding(null);
      await Promise.all([client.invalidateQueries({ queryKey: ["providers"] }), client.invalidateQueries({ queryKey: ["models"] })]);
      toast("ok", `Account ${provider.name} deleted`);
    },
  });
  const kindOf = (name: string) => kinds?.find((kind) => kind.name === name);
  return (
    <>
      <Section
        title="Provider accounts"
        lead="Where calls go, and with which key. A model is called as account/model."
        action={
          <Button leftSection={<IconPlus size={14} />} onClick={dialog.openNew}>
            Add account
          </Button>
        }
        query={query}
        columns={["Name", "Provider", "Status", "Address", "Key", "Models", "Connection", ""]}
        empty={
          <EmptyState icon={<IconPlugConnected size={20} />} title="No account yet" actions={<Button onClick={dialog.openNew}>Add the first account</Button>}>
            <p>Add an OpenAI key, a vLLM, Ollama or llama.cpp server, or anything that speaks the OpenAI API.</p>
          </EmptyState>
        }
      >
        {(providers) =>
          providers.map((provider) => (
            <tr key={provider.id} data-ended={!provider.enabled || undefined}>
              <td className={classes.strong}>
                {provider.name} {provider.managed && <Tag title="Made and kept up by the installation">managed</Tag>}
              </td>
              <td>{kindOf(provider.provider)?.title ?? provider.provider}</td>
              <td>
                <Badge tone={provider.enabled ? "ok" : "unknown"}>{provider.enabled ? "enabled" : "disabled"}</Badge>
              </td>
              <td className={classes.address} title={provider.base_url || kindOf(provider.provider)?.base_url}>
                {provider.base_url || <span className={classes.dim}>{kindOf(provider.provider)?.base_url || "default"}</span>}
              </td>
              <td>{provider.secret_hint === null ? <span className={classes.dim}>none</span> : <code className={classes.dim}>{provider.secret_hint}</code>}</td>
              <td className={classes.nowrap} title={provider.models.join("\n")}>
                {provider.models.length === 0 ? "" : `${provider.models.length} listed`}
                {provider.open_models ? <span className={classes.dim}>{provider.models.length === 0 ? "any model" : ", others too"}</span> : ""}
              </td>
              <td>
                <TestCell provider={provider} />
              </td>
              <td className={classes.rowActions}>
                <More provider={provider} onEdit={() => dialog.edit(provider)} onDelete={() => setEnding(provider)} />
              </td>
            </tr>
          ))
        }
      </Section>
      <Dialog opened={dialog.opened} onClose={dialog.close} title={dialog.item === null ? "Add a provider account" : `Edit ${dialog.item.name}`} size={560}>
        <ProviderForm key={dialog.item?.id ?? "new"} account={dialog.item} onDone={dialog.close} />
      </Dialog>
      <Confirm
        opened={ending !== null}
        title={`Delete account ${ending?.name ?? ""}?`}
        action={`Delete ${ending?.name ?? ""}`}
        busy={remove.isPending}
        onCancel={() => setEnding(null)}
        onConfirm={() => ending !== null && remove.mutate(ending)}
      >
        Calls to <code>{ending?.name}/…</code> and routes that lead there fail from then on. The stored provider key is erased; traces stay.
      </Confirm>
    </>
  );
}
