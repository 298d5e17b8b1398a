import { Button, Checkbox, Menu, TextInput } from "@mantine/core";
import { IconBookmark, IconBookmarkFilled, IconChevronDown, IconDeviceFloppy, IconHome, IconPencil, IconRestore, IconTrash } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asApiError } from "@/api/client";
import { createView, deleteView, putFirstView, putView, viewsQuery, type ListName, type SavedView } from "@/api/views";
import { Confirm } from "@/ui/Confirm";
import { Dialog } from "@/ui/Dialog";
import { Actions, ErrorNote } from "@/ui/parts";
import { toast } from "@/ui/toast";
import { columnsOf, hasRange, rangeWords, stateOf } from "./state";
import { useViews, type Columns } from "./useViews";
import classes from "./views.module.css";

interface Props {
  project: string;
  list: ListName;
  columns?: Columns;
}

interface FormProps {
  project: string;
  list: ListName;
  search: Record<string, unknown>;
  columns: readonly string[] | null;
  /** The view that gets another name or readers; null for a new one. */
  edited: SavedView | null;
  onDone: (view: SavedView) => void;
  onCancel: () => void;
}

function ViewForm({ project, list, search, columns, edited, onDone, onCancel }: FormProps) {
  const [name, setName] = useState(edited?.name ?? "");
  const [shared, setShared] = useState(edited?.shared ?? false);
  const [withRange, setWithRange] = useState(true);
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => {
      const draft = { list, name: name.trim(), shared, state: edited?.state ?? stateOf(search, columns, withRange) };
      return edited === null ? createView(project, draft) : putView(project, edited.id, { ...draft, version: edited.version });
    },
    meta: { shownInForm: true },
    onSuccess: async (view) => {
      await client.invalidateQueries({ queryKey: viewsQuery(project).queryKey });
      onDone(view);
    },
  });
  const failure = save.isError ? asApiError(save.error) : null;
  const atName = failure?.status === 409 ? failure.message : failure?.field("name");
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {failure !== null && atName === undefined && <ErrorNote failure={failure} />}
      <TextInput label="Name" placeholder="Slow calls of the support bot" data-autofocus required withAsterisk={false} value={name} error={atName} onChange={(event) => setName(event.currentTarget.value)} />
      <Checkbox label="For everybody in the project" description="Else nobody but you sees it" checked={shared} onChange={(event) => setShared(event.currentTarget.checked)} />
      {edited === null && <Checkbox label={`With the time range: ${rangeWords(search)}`} description="Else it leaves the range as it is" checked={withRange} onChange={(event) => setWithRange(event.currentTarget.checked)} />}
      <Actions>
        <Button variant="default" onClick={onCancel}>
          Cancel
        </Button>
        <Button type="submit" loading={save.isPending} disabled={name.trim() === ""}>
          {edited === null ? "Save view" : "Save"}
        </Button>
      </Actions>
    </form>
  );
}

type Asked = { kind: "new" } | { kind: "edit"; view: SavedView } | { kind: "delete"; view: SavedView };

interface CurrentProps {
  project: string;
  view: SavedView;
  changed: boolean;
  /** The view as the list is now. */
  state: () => SavedView["state"];
  onReset: () => void;
  onAsk: (asked: Asked) => void;
}

/** What may be done with the view that the list shows. */
function Current({ project, view, changed, state, onReset, onAsk }: CurrentProps) {
  const client = useQueryClient();
  const again = () => client.invalidateQueries({ queryKey: viewsQuery(project).queryKey });
  const update = useMutation({
    mutationFn: () => putView(project, view.id, { list: view.list, name: view.name, shared: view.shared, version: view.version, state: state() }),
    onSuccess: (saved) => toast("ok", `View ${saved.name} updated`),
    onSettled: again,
  });
  const first = useMutation({ mutationFn: () => putFirstView(project, view.list, view.opens_first ? null : view.id), onSuccess: again });
  return (
    <>
      {changed && (
        <>
          <Menu.Item leftSection={<IconDeviceFloppy size={14} />} onClick={() => update.mutate()}>
            Update “{view.name}”
          </Menu.Item>
          <Menu.Item leftSection={<IconRestore size={14} />} onClick={onReset}>
            Reset to the view
          </Menu.Item>
        </>
      )}
      <Menu.Item leftSection={<IconPencil size={14} />} onClick={() => onAsk({ kind: "edit", view })}>
        Rename or share…
      </Menu.Item>
      <Menu.Item leftSection={<IconHome size={14} />} onClick={() => first.mutate()}>
        {view.opens_first ? "Stop opening the list with it" : "Open the list with this view"}
      </Menu.Item>
      <Menu.Item leftSection={<IconTrash size={14} />} color="danger" onClick={() => onAsk({ kind: "delete", view })}>
        Delete…
      </Menu.Item>
      <Menu.Divider />
    </>
  );
}

function Choices({ title, items, current, onOpen }: { title: string; items: readonly SavedView[]; current: SavedView | undefined; onOpen: (view: SavedView) => void }) {
  if (items.length === 0) return null;
  return (
    <>
      <Menu.Label>{title}</Menu.Label>
      {items.map((each) => (
        <Menu.Item key={each.id} onClick={() => onOpen(each)} aria-current={each.id === current?.id || undefined} rightSection={each.opens_first ? <IconHome size={13} aria-label="The list opens with it" /> : undefined}>
          {each.name}
        </Menu.Item>
      ))}
    </>
  );
}

function Removal({ project, view, onGone, onCancel }: { project: string; view: SavedView | undefined; onGone: (view: SavedView) => void; onCancel: () => void }) {
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: (of: SavedView) => deleteView(project, of.id),
    onSuccess: async (_nothing, of) => {
      onGone(of);
      await client.invalidateQueries({ queryKey: viewsQuery(project).queryKey });
      toast("ok", `View ${of.name} deleted`);
    },
  });
  return (
    <Confirm opened={view !== undefined} title={`Delete ${view?.name ?? ""}?`} action="Delete view" busy={remove.isPending} onCancel={onCancel} onConfirm={() => view !== undefined && remove.mutate(view)}>
      {view?.shared === true ? "It goes for everybody in the project." : "It is yours alone."} What it shows stays.
    </Confirm>
  );
}

/** The views of a list: opens, keeps and changes them. */
export function ViewsMenu({ project, list, columns }: Props) {
  const { all, view, changed, missing, open, search } = useViews(project, list, columns);
  const [asked, setAsked] = useState<Asked | null>(null);
  const shown = columns?.shown ?? null;
  const close = () => setAsked(null);
  const edited = asked?.kind === "edit" ? asked.view : null;
  return (
    <>
      {changed && (
        <span className={classes.changed} role="status">
          Unsaved changes
        </span>
      )}
      <Menu width={264} position="bottom-end">
        <Menu.Target>
          <Button
            variant="default"
            size="xs"
            h={32}
            className={classes.button}
            leftSection={view === undefined ? <IconBookmark size={14} /> : <IconBookmarkFilled size={14} />}
            rightSection={<IconChevronDown size={13} />}
            aria-label={view === undefined ? "Views" : `View ${view.name}, choose another`}
          >
            <span className={classes.name}>{view?.name ?? "Views"}</span>
          </Button>
        </Menu.Target>
        <Menu.Dropdown className={classes.menu}>
          {missing && <div className={classes.missing}>The view of this link was deleted, or is somebody else’s own.</div>}
          {view !== undefined && (
            <Current
              project={project}
              view={view}
              changed={changed}
              state={() => stateOf(search, columnsOf(view.state) === null ? null : shown, hasRange(view.state))}
              onReset={() => open(view)}
              onAsk={setAsked}
            />
          )}
          <Choices title="This project’s" items={all.filter((each) => each.shared)} current={view} onOpen={open} />
          <Choices title="Yours" items={all.filter((each) => !each.shared)} current={view} onOpen={open} />
          {all.length === 0 && <div className={classes.missing}>A view keeps filters, time range, order and columns under a name.</div>}
          {view !== undefined && <Menu.Item onClick={() => open(null)}>No view</Menu.Item>}
          <Menu.Divider />
          <Menu.Item leftSection={<IconBookmark size={14} />} onClick={() => setAsked({ kind: "new" })}>
            Save as a new view…
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Dialog opened={asked?.kind === "new" || edited !== null} onClose={close} title={edited !== null ? "Rename or share the view" : "Save as a view"} size={420}>
        <ViewForm
          project={project}
          list={list}
          search={search}
          columns={shown}
          edited={edited}
          onCancel={close}
          onDone={(saved) => {
            close();
            if (asked?.kind === "new") open(saved, true);
          }}
        />
      </Dialog>
      <Removal
        project={project}
        view={asked?.kind === "delete" ? asked.view : undefined}
        onCancel={close}
        onGone={(gone) => {
          close();
          if (gone.id === view?.id) open(null, true);
        }}
      />
    </>
  );
}
