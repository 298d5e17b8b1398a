import { Button } from "@mantine/core";
import { IconKey, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { keysQuery } from "@/api/queries";
import type { KeyView } from "@/api/types";
import { useProject } from "@/api/useProject";
import { revokeKey } from "@/api/writes";
import { ago, exactTime, NONE } from "@/lib/format";
import { Confirm } from "@/ui/Confirm";
import { Badge, EmptyState, Tag, type Tone } from "@/ui/parts";
import { toast } from "@/ui/toast";
import { Section } from "../Section";
import classes from "../settings.module.css";
import { useDialog } from "../useDialog";
import { KeyDialog } from "./KeyDialog";

const TONES: Record<KeyView["status"], Tone> = { active: "ok", expired: "warn", revoked: "unknown" };

function Expiry({ at, now }: { at: string | null; now: Date }) {
  if (at === null) return <span className={classes.dim}>never</span>;
  const when = new Date(at);
  const days = Math.ceil((when.getTime() - now.getTime()) / 86_400_000);
  return (
    <span title={exactTime(when)} className={days > 0 && days <= 7 ? classes.soon : undefined}>
      {days > 0 && days <= 30 ? `in ${days} ${days === 1 ? "day" : "days"}` : ago(when, now)}
    </span>
  );
}

export function KeysPage() {
  const project = useProject();
  const client = useQueryClient();
  const query = useQuery({ ...keysQuery(project?.id ?? ""), enabled: project !== undefined });
  const dialog = useDialog<KeyView>();
  const [ending, setEnding] = useState<KeyView | null>(null);
  const revoke = useMutation({
    mutationFn: (key: KeyView) => revokeKey(key.project_id, key.id),
    onSuccess: async (_nothing, key) => {
      setEnding(null);
      await client.invalidateQueries({ queryKey: ["keys"] });
      toast("ok", `Key ${key.name} revoked`, "Calls with it are refused from now on.");
    },
  });
  const now = new Date();
  return (
    <>
      <Section
        title="Virtual keys"
        lead={`What applications send to the gateway in project ${project?.name ?? ""}, in place of a provider's own key.`}
        action={
          <Button leftSection={<IconPlus size={14} />} onClick={dialog.openNew}>
            New key
          </Button>
        }
        query={query}
        columns={["Name", "Status", "Key", "May", "Models", "Expires", "Created", ""]}
        empty={
          <EmptyState icon={<IconKey size={20} />} title="No key yet" actions={<Button onClick={dialog.openNew}>Create the first key</Button>}>
            <p>Applications need one to call the gateway. Give each its own, so that its calls can be told apart and cut off.</p>
          </EmptyState>
        }
      >
        {(keys) =>
          keys.map((key) => (
            <tr key={key.id} data-ended={key.status !== "active" || undefined}>
              <td className={classes.strong}>{key.name}</td>
              <td>
                <Badge tone={TONES[key.status]}>{key.status}</Badge>
              </td>
              <td>
                <code className={classes.dim}>{key.hint}</code>
              </td>
              <td>
                <span className={classes.tags}>
                  {key.permissions.map((permission) => (
                    <Tag key={permission}>{permission}</Tag>
                  ))}
                </span>
              </td>
              <td>
                {key.models.length === 0 ? (
                  <span className={classes.dim}>every model</span>
                ) : (
                  <span className={classes.tags} title={key.models.join("\n")}>
                    {key.models.slice(0, 2).map((model) => (
                      <Tag key={model} mono>
                        {model}
                      </Tag>
                    ))}
                    {key.models.length > 2 && <span className={classes.dim}>+{key.models.length - 2}</span>}
                  </span>
                )}
              </td>
              <td>{key.status === "revoked" ? <span className={classes.dim}>{NONE}</span> : <Expiry at={key.expires_at} now={now} />}</td>
              <td title={exactTime(new Date(key.created_at))} className={classes.nowrap}>
                {ago(new Date(key.created_at), now)}
              </td>
              <td className={classes.rowActions}>
                {key.status === "active" && (
                  <Button variant="subtle" color="danger" size="compact-sm" onClick={() => setEnding(key)} aria-label={`Revoke ${key.name}`}>
                    Revoke
                  </Button>
                )}
              </td>
            </tr>
          ))
        }
      </Section>
      {project !== undefined && <KeyDialog project={project.id} opened={dialog.opened} onClose={dialog.close} />}
      <Confirm
        opened={ending !== null}
        title={`Revoke ${ending?.name ?? ""}?`}
        action={`Revoke ${ending?.name ?? ""}`}
        busy={revoke.isPending}
        onCancel={() => setEnding(null)}
        onConfirm={() => ending !== null && revoke.mutate(ending)}
      >
        Applications that send <code>{ending?.hint}</code> are refused within a second. This cannot be undone; its traces stay.
      </Confirm>
    </>
  );
}
