import { ActionIcon, Autocomplete, Button, NumberInput, Select, TextInput } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asApiError } from "@/api/client";
import { providersQuery } from "@/api/queries";
import type { RouteView, TargetView } from "@/api/types";
import { putRoute } from "@/api/writes";
import { percent } from "@/lib/format";
import { Actions, ErrorNote } from "@/ui/parts";
import { toast } from "@/ui/toast";
import classes from "../settings.module.css";

interface Draft extends TargetView {
  key: number;
}

export function RouteForm({ route, onDone }: { route: RouteView | null; onDone: () => void }) {
  const { data: providers } = useQuery(providersQuery);
  const client = useQueryClient();
  const [name, setName] = useState(route?.name ?? "");
  const [targets, setTargets] = useState<Draft[]>(() => (route?.targets ?? [{ account: "", model: "", weight: 1 }]).map((target, key) => ({ ...target, key })));
  const change = (key: number, part: Partial<TargetView>) => setTargets((before) => before.map((target) => (target.key === key ? { ...target, ...part } : target)));
  const all = targets.reduce((sum, target) => sum + target.weight, 0);
  const complete = name.trim() !== "" && targets.length > 0 && targets.every((target) => target.account !== "" && target.model.trim() !== "") && all > 0;
  const save = useMutation({
    mutationFn: () =>
      putRoute(
        name.trim(),
        targets.map(({ account, model, weight }) => ({ account, model: model.trim(), weight })),
      ),
    meta: { shownInForm: true },
    onSuccess: async (saved) => {
      await Promise.all([client.invalidateQueries({ queryKey: ["routes"] }), client.invalidateQueries({ queryKey: ["models"] })]);
      toast("ok", `Route ${saved.name} saved`);
      onDone();
    },
  });
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {save.isError && <ErrorNote failure={asApiError(save.error)} />}
      <TextInput label="Name" description="What applications send as model" placeholder="fast" required withAsterisk={false} disabled={route !== null} data-autofocus={route === null || undefined} value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <fieldset className={classes.targetRows}>
        <legend>Leads to</legend>
        {targets.map((target, index) => (
          <div key={target.key} className={classes.targetRow}>
            <Select
              aria-label={`Account of target ${index + 1}`}
              placeholder="Account"
              data={providers?.map((provider) => provider.name) ?? []}
              value={target.account || null}
              allowDeselect={false}
              onChange={(account) => change(target.key, { account: account ?? "" })}
            />
            <Autocomplete
              aria-label={`Model of target ${index + 1}`}
              placeholder="Model"
              data={providers?.find((provider) => provider.name === target.account)?.models ?? []}
              value={target.model}
              onChange={(model) => change(target.key, { model })}
            />
            <NumberInput aria-label={`Weight of target ${index + 1}`} min={1} max={1000} allowDecimal={false} value={target.weight} onChange={(weight) => change(target.key, { weight: Number(weight) || 1 })} />
            <span className={classes.shareText}>{all === 0 ? "–" : percent(target.weight / all)}</span>
            <ActionIcon aria-label={`Remove target ${index + 1}`} disabled={targets.length === 1} onClick={() => setTargets((before) => before.filter((each) => each.key !== target.key))}>
              <IconX size={15} />
            </ActionIcon>
          </div>
        ))}
        <Button
          variant="subtle"
          size="compact-sm"
          leftSection={<IconPlus size={14} />}
          onClick={() => setTargets((before) => [...before, { account: "", model: "", weight: 1, key: Math.max(...before.map((each) => each.key)) + 1 }])}
        >
          Add a target
        </Button>
      </fieldset>
      <Actions>
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
        <Button type="submit" loading={save.isPending} disabled={!complete}>
          {route === null ? "Create route" : "Save"}
        </Button>
      </Actions>
    </form>
  );
}
