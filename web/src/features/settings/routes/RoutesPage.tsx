import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconPencil, IconPlus, IconRoute, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { routesQuery } from "@/api/queries";
import type { RouteView } from "@/api/types";
import { deleteRoute } from "@/api/writes";
import { colourOf } from "@/lib/colour";
import { percent } from "@/lib/format";
import { Confirm } from "@/ui/Confirm";
import { Dialog } from "@/ui/Dialog";
import { EmptyState, Tag } from "@/ui/parts";
import { toast } from "@/ui/toast";
import { Section } from "../Section";
import classes from "../settings.module.css";
import { useDialog } from "../useDialog";
import { RouteForm } from "./RouteForm";

/** The targets with their share of the calls, as one bar and a list. */
function Targets({ route }: { route: RouteView }) {
  const all = route.targets.reduce((sum, target) => sum + target.weight, 0);
  return (
    <div className={classes.targets}>
      {route.targets.map((target) => {
        const name = `${target.account}/${target.model}`;
        const share = all === 0 ? 0 : target.weight / all;
        return (
          <div key={name} className={classes.target}>
            <span className={classes.shareTrack} aria-hidden>
              <i style={{ width: `${share * 100}%`, background: colourOf(target.model) }} />
            </span>
            <span className={classes.shareText}>{percent(share)}</span>
            <span className={classes.targetName} title={name}>
              {name}
            </span>
          </div>
        );
      })}
    </div>
  );
}

export function RoutesPage() {
  const query = useQuery(routesQuery);
  const client = useQueryClient();
  const dialog = useDialog<RouteView>();
  const [ending, setEnding] = useState<RouteView | null>(null);
  const remove = useMutation({
    mutationFn: (route: RouteView) => deleteRoute(route.id),
    onSuccess: async (_nothing, route) => {
      setEnding(null);
      await Promise.all([client.invalidateQueries({ queryKey: ["routes"] }), client.invalidateQueries({ queryKey: ["models"] })]);
      toast("ok", `Route ${route.name} deleted`);
    },
  });
  return (
    <>
      <Section
        title="Routes"
        lead="Model names of your own. Applications call the name; you decide, and change, where it leads."
        action={
          <Button leftSection={<IconPlus size={14} />} onClick={dialog.openNew}>
            New route
          </Button>
        }
        query={query}
        columns={["Name", "Leads to", ""]}
        empty={
          <EmptyState icon={<IconRoute size={20} />} title="No route yet" actions={<Button onClick={dialog.openNew}>Create the first route</Button>}>
            <p>
              With a route such as <code>fast</code>, a model is exchanged or its load spread without a change in any application.
            </p>
          </EmptyState>
        }
      >
        {(routes) =>
          routes.map((route) => (
            <tr key={route.id}>
              <td className={classes.strong}>
                <code>{route.name}</code> {route.managed && <Tag>managed</Tag>}
              </td>
              <td>
                <Targets route={route} />
              </td>
              <td className={classes.rowActions}>
                {!route.managed && (
                  <>
                    <Tooltip label="Edit">
                      <ActionIcon aria-label={`Edit ${route.name}`} onClick={() => dialog.edit(route)}>
                        <IconPencil size={15} />
                      </ActionIcon>
                    </Tooltip>
                    <Tooltip label="Delete">
                      <ActionIcon aria-label={`Delete ${route.name}`} onClick={() => setEnding(route)}>
                        <IconTrash size={15} />
                      </ActionIcon>
                    </Tooltip>
                  </>
                )}
              </td>
            </tr>
          ))
        }
      </Section>
      <Dialog opened={dialog.opened} onClose={dialog.close} title={dialog.item === null ? "New route" : `Route ${dialog.item.name}`} size={640}>
        <RouteForm key={dialog.item?.id ?? "new"} route={dialog.item} onDone={dialog.close} />
      </Dialog>
      <Confirm
        opened={ending !== null}
        title={`Delete route ${ending?.name ?? ""}?`}
        action={`Delete ${ending?.name ?? ""}`}
        busy={remove.isPending}
        onCancel={() => setEnding(null)}
        onConfirm={() => ending !== null && remove.mutate(ending)}
      >
        Applications that call the model <code>{ending?.name}</code> are refused from then on. Accounts and traces stay.
      </Confirm>
    </>
  );
}
