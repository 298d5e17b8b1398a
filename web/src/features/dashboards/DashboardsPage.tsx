import { Button, Menu, TextInput } from "@mantine/core";
import { IconChevronDown, IconCopy, IconLayoutDashboard, IconPencil, IconPlus, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { asApiError } from "@/api/client";
import { createDashboard, dashboardsQuery, deleteDashboard, putDashboard } from "@/api/dashboards";
import type { DashboardView, SavedChart } from "@/api/types";
import { useProject } from "@/api/useProject";
import { ShareDashboard } from "@/features/sharing";
import { useRange } from "@/lib/useRange";
import { Confirm } from "@/ui/Confirm";
import { Dialog } from "@/ui/Dialog";
import { Actions, EmptyState, ErrorNote, ErrorState } from "@/ui/parts";
import { toast } from "@/ui/toast";
import { ChartCard } from "./ChartCard";
import { ChartForm, NEW_CHART } from "./ChartForm";
import classes from "./dashboards.module.css";

type Asked = { kind: "new" } | { kind: "copy"; of: DashboardView } | { kind: "rename"; of: DashboardView };

function NameForm({ project, asked, onDone }: { project: string; asked: Asked; onDone: (dashboard: DashboardView) => void }) {
  const [name, setName] = useState(asked.kind === "new" ? "" : asked.kind === "copy" ? `${asked.of.name} copy` : asked.of.name);
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => {
      if (asked.kind === "rename") return putDashboard(project, { ...asked.of, name: name.trim() });
      return createDashboard(project, { name: name.trim(), description: asked.kind === "copy" ? asked.of.description : "", charts: asked.kind === "copy" ? asked.of.charts : [] });
    },
    meta: { shownInForm: true },
    onSuccess: async (dashboard) => {
      await client.invalidateQueries({ queryKey: dashboardsQuery(project).queryKey });
      onDone(dashboard);
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {save.isError && <ErrorNote failure={asApiError(save.error)} />}
      <TextInput label="Name" data-autofocus required withAsterisk={false} value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <Actions>
        <Button type="submit" loading={save.isPending} disabled={name.trim() === ""}>
          {asked.kind === "rename" ? "Rename" : "Create dashboard"}
        </Button>
      </Actions>
    </form>
  );
}

const TITLES = { new: "New dashboard", copy: "Copy the dashboard", rename: "Rename the dashboard" };

function Chooser({ all, current, open }: { all: readonly DashboardView[]; current: DashboardView; open: (id: string) => void }) {
  const section = (title: string, items: readonly DashboardView[]) =>
    items.length > 0 && (
      <>
        <Menu.Label>{title}</Menu.Label>
        {items.map((each) => (
          <Menu.Item key={each.id} onClick={() => open(each.id)} aria-current={each.id === current.id || undefined}>
            {each.name}
          </Menu.Item>
        ))}
      </>
    );
  return (
    <Menu width={260} position="bottom-start">
      <Menu.Target>
        <Button variant="default" rightSection={<IconChevronDown size={14} />} aria-label={`Dashboard ${current.name}, choose another`}>
          {current.name}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {section("Ready-made", all.filter((each) => each.ready))}
        {section("This project's", all.filter((each) => !each.ready))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** The charts of one dashboard; a project's own can be changed in place. */
function Board({ project, dashboard }: { project: string; dashboard: DashboardView }) {
  const client = useQueryClient();
  const [edited, setEdited] = useState<number | null>(null);
  const save = useMutation({
    mutationFn: (charts: SavedChart[]) => putDashboard(project, { ...dashboard, charts }),
    onSuccess: (saved) => client.setQueryData(dashboardsQuery(project).queryKey, (before) => before?.map((each) => (each.id === saved.id ? saved : each))),
    onError: () => void client.invalidateQueries({ queryKey: dashboardsQuery(project).queryKey }),
  });
  const charts = (save.isPending ? save.variables : dashboard.charts) as SavedChart[];
  const moved = (from: number, to: number) => () => {
    const next = [...charts];
    next.splice(to, 0, ...next.splice(from, 1));
    save.mutate(next);
  };
  const put = (chart: SavedChart) => {
    save.mutate(edited === charts.length ? [...charts, chart] : charts.map((each, index) => (index === edited ? chart : each)));
    setEdited(null);
  };
  return (
    <>
      {charts.length === 0 && (
        <EmptyState icon={<IconLayoutDashboard size={20} />} title="No chart yet" actions={!dashboard.ready && <Button onClick={() => setEdited(0)}>Add chart</Button>}>
          <p>A chart shows any figure of the project over time, by any field.</p>
        </EmptyState>
      )}
      <div className={classes.grid}>
        {charts.map((chart, index) => (
          <ChartCard
            key={`${index} ${chart.title}`}
            project={project}
            chart={chart}
            actions={
              dashboard.ready || save.isPending
                ? null
                : {
                    edit: () => setEdited(index),
                    remove: () => save.mutate(charts.filter((_chart, at) => at !== index)),
                    earlier: index > 0 ? moved(index, index - 1) : undefined,
                    later: index < charts.length - 1 ? moved(index, index + 1) : undefined,
                  }
            }
          />
        ))}
      </div>
      {!dashboard.ready && charts.length > 0 && (
        <Button variant="default" className={classes.add} leftSection={<IconPlus size={14} />} onClick={() => setEdited(charts.length)}>
          Add chart
        </Button>
      )}
      <Dialog opened={edited !== null} onClose={() => setEdited(null)} title={edited === charts.length ? "New chart" : "Edit chart"} size={960} firm>
        {edited !== null && <ChartForm project={project} chart={charts[edited] ?? NEW_CHART} onSave={put} onCancel={() => setEdited(null)} />}
      </Dialog>
    </>
  );
}

export function DashboardsPage() {
  const project = useProject()?.id ?? "";
  const range = useRange();
  const params: { dashboardId?: string } = useParams({ strict: false });
  const navigate = useNavigate();
  const client = useQueryClient();
  const [asked, setAsked] = useState<Asked | null>(null);
  const [going, setGoing] = useState<DashboardView | null>(null);
  const query = useQuery({ ...dashboardsQuery(project), enabled: project !== "" });
  const open = (id: string) => void navigate({ to: "/dashboards/$dashboardId", params: { dashboardId: id }, search: true } as never);
  const remove = useMutation({
    mutationFn: (dashboard: DashboardView) => deleteDashboard(project, dashboard.id),
    onSuccess: async (_nothing, dashboard) => {
      setGoing(null);
      open("latency");
      await client.invalidateQueries({ queryKey: dashboardsQuery(project).queryKey });
      toast("ok", `Dashboard ${dashboard.name} deleted`);
    },
  });
  if (query.data === undefined) return query.isError ? <ErrorState failure={asApiError(query.error)} onRetry={() => void query.refetch()} /> : <div className={classes.page} aria-busy />;
  const current = params.dashboardId === undefined ? query.data[0] : query.data.find((each) => each.id === params.dashboardId);
  if (current === undefined) {
    return <EmptyState icon={<IconLayoutDashboard size={20} />} title="No such dashboard" actions={<Button onClick={() => open("latency")}>Show another</Button>} />;
  }
  return (
    <div className={classes.page}>
      <h1 className="hidden-visually">Dashboards</h1>
      <div className={classes.bar}>
        <Chooser all={query.data} current={current} open={open} />
        <span className={classes.about}>{current.description}</span>
        <ShareDashboard key={current.id} project={project} dashboard={current} range={range} />
        <Button variant="default" leftSection={<IconCopy size={14} />} onClick={() => setAsked({ kind: "copy", of: current })}>
          Copy
        </Button>
        {!current.ready && (
          <>
            <Button variant="default" leftSection={<IconPencil size={14} />} onClick={() => setAsked({ kind: "rename", of: current })}>
              Rename
            </Button>
            <Button variant="default" leftSection={<IconTrash size={14} />} onClick={() => setGoing(current)}>
              Delete
            </Button>
          </>
        )}
        <Button leftSection={<IconPlus size={14} />} onClick={() => setAsked({ kind: "new" })}>
          New dashboard
        </Button>
      </div>
      <Board key={current.id} project={project} dashboard={current} />
      <Dialog opened={asked !== null} onClose={() => setAsked(null)} title={TITLES[asked?.kind ?? "new"]} size={440}>
        {asked !== null && (
          <NameForm
            project={project}
            asked={asked}
            onDone={(dashboard) => {
              setAsked(null);
              open(dashboard.id);
            }}
          />
        )}
      </Dialog>
      <Confirm opened={going !== null} title={`Delete ${going?.name ?? ""}?`} action="Delete dashboard" busy={remove.isPending} onCancel={() => setGoing(null)} onConfirm={() => going !== null && remove.mutate(going)}>
        It goes for everybody in the project, and so do the links to it. What its charts showed stays.
      </Confirm>
    </div>
  );
}
