import { ActionIcon, Button, TextInput, Tooltip } from "@mantine/core";
import { IconFolder, IconPencil, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asApiError } from "@/api/client";
import { projectsQuery } from "@/api/queries";
import type { ProjectView } from "@/api/types";
import { useProject } from "@/api/useProject";
import { createProject, renameProject } from "@/api/writes";
import { ago, exactTime } from "@/lib/format";
import { Dialog } from "@/ui/Dialog";
import { Actions, EmptyState, ErrorNote, Tag } from "@/ui/parts";
import { toast } from "@/ui/toast";
import { Section } from "./Section";
import classes from "./settings.module.css";
import { useDialog } from "./useDialog";

function ProjectForm({ project, onDone }: { project: ProjectView | null; onDone: () => void }) {
  const [name, setName] = useState(project?.name ?? "");
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => (project === null ? createProject(name.trim()) : renameProject(project.id, name.trim())),
    meta: { shownInForm: true },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: projectsQuery.queryKey });
      toast("ok", project === null ? `Project ${name.trim()} created` : `Renamed to ${name.trim()}`);
      onDone();
    },
  });
  const failure = save.isError ? asApiError(save.error) : null;
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {failure !== null && failure.field("name") === undefined && <ErrorNote failure={failure} />}
      <TextInput label="Name" data-autofocus required withAsterisk={false} value={name} error={failure?.field("name")} onChange={(event) => setName(event.currentTarget.value)} />
      <Actions>
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
        <Button type="submit" loading={save.isPending} disabled={name.trim() === "" || name.trim() === project?.name}>
          {project === null ? "Create project" : "Rename"}
        </Button>
      </Actions>
    </form>
  );
}

export function ProjectsPage() {
  const query = useQuery(projectsQuery);
  const current = useProject();
  const dialog = useDialog<ProjectView>();
  const now = new Date();
  return (
    <>
      <Section
        title="Projects"
        lead="Separate spaces of traces and keys."
        action={
          <Button leftSection={<IconPlus size={14} />} onClick={dialog.openNew}>
            New project
          </Button>
        }
        query={query}
        columns={["Name", "Id", "Created", ""]}
        empty={<EmptyState icon={<IconFolder size={20} />} title="No project" />}
      >
        {(projects) =>
          projects.map((project) => (
            <tr key={project.id}>
              <td className={classes.strong}>
                {project.name} {project.id === current?.id && <Tag>current</Tag>}
              </td>
              <td>
                <code className={classes.dim}>{project.id}</code>
              </td>
              <td title={exactTime(new Date(project.created_at))}>{ago(new Date(project.created_at), now)}</td>
              <td className={classes.rowActions}>
                <Tooltip label="Rename">
                  <ActionIcon aria-label={`Rename ${project.name}`} onClick={() => dialog.edit(project)}>
                    <IconPencil size={15} />
                  </ActionIcon>
                </Tooltip>
              </td>
            </tr>
          ))
        }
      </Section>
      <Dialog opened={dialog.opened} onClose={dialog.close} title={dialog.item === null ? "New project" : `Rename ${dialog.item.name}`} size={440}>
        <ProjectForm key={dialog.item?.id ?? "new"} project={dialog.item} onDone={dialog.close} />
      </Dialog>
    </>
  );
}
