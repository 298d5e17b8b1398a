import { Modal } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconArrowRight, IconBookmark, IconKey, IconKeyboard, IconListSearch, IconMoon, IconPlugConnected, IconPlus, IconSearch, IconTimeline } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { projectsQuery, traceSearchQuery } from "@/api/queries";
import { useProject } from "@/api/useProject";
import { viewsQuery } from "@/api/views";
import { ago, duration } from "@/lib/format";
import { SETTINGS_SECTIONS } from "@/lib/settingsSections";
import { remember } from "@/lib/storage";
import { useRange } from "@/lib/useRange";
import { Kbd } from "@/ui/parts";
import { PAGES } from "./nav";
import classes from "./palette.module.css";

interface Entry {
  id: string;
  group: string;
  label: string;
  hint?: string;
  icon: ReactNode;
  run: () => void;
}

interface Props {
  opened: boolean;
  onClose: () => void;
  onHelp: () => void;
  onTheme: () => void;
}

function useEntries(query: string, { onHelp, onTheme }: Props): Entry[] {
  const navigate = useNavigate();
  const project = useProject();
  const range = useRange();
  const { data: projects } = useQuery(projectsQuery);
  const { data: views } = useQuery({ ...viewsQuery(project?.id ?? ""), enabled: project !== undefined });
  const [text] = useDebouncedValue(query.trim(), 150);
  const found = useQuery(traceSearchQuery(project?.id ?? "", range, project === undefined ? "" : text));
  return useMemo(() => {
    const go = (to: string, search: Record<string, unknown> = {}) => () =>
      void navigate({ to, search: ((before: Record<string, unknown>) => ({ project: before.project, ...search })) } as never);
    const icon = <IconArrowRight size={15} />;
    const fixed: Entry[] = [
      ...PAGES.map((page) => ({ id: page.to, group: "Go to", label: page.label, icon: <page.icon size={15} />, run: go(page.to) })),
      ...SETTINGS_SECTIONS.map((page) => ({ id: page.to, group: "Go to", label: page.label, hint: "Settings", icon, run: go(page.to) })),
      ...(views ?? []).map((view) => ({ id: `view ${view.id}`, group: "Views", label: view.name, hint: view.list, icon: <IconBookmark size={15} />, run: go(`/${view.list}`, { view: view.id }) })),
      { id: "new-key", group: "Actions", label: "Create a virtual key", icon: <IconKey size={15} />, run: go("/settings/keys", { new: "1" }) },
      { id: "new-provider", group: "Actions", label: "Add a provider account", icon: <IconPlugConnected size={15} />, run: go("/settings/providers", { new: "1" }) },
      { id: "new-project", group: "Actions", label: "Create a project", icon: <IconPlus size={15} />, run: go("/settings/projects", { new: "1" }) },
      { id: "failed", group: "Actions", label: "Show failed traces", icon: <IconListSearch size={15} />, run: go("/traces", { status: ["error"] }) },
      { id: "theme", group: "Actions", label: "Change theme: light, dark, system", icon: <IconMoon size={15} />, run: onTheme },
      { id: "keys", group: "Actions", label: "Keyboard shortcuts", icon: <IconKeyboard size={15} />, run: onHelp },
      ...(projects ?? [])
        .filter((each) => each.id !== project?.id)
        .map((each) => ({
          id: `project ${each.id}`,
          group: "Switch project",
          label: each.name,
          icon,
          run: () => {
            remember("project", each.id);
            void navigate({ to: ".", search: ((before: Record<string, unknown>) => ({ ...before, project: each.id })) } as never);
          },
        })),
    ];
    const words = query.trim().toLowerCase().split(/\s+/);
    const matching = fixed.filter((entry) => words.every((word) => `${entry.label} ${entry.hint ?? ""} ${entry.group}`.toLowerCase().includes(word)));
    if (text.length < 2) return matching;
    const now = new Date();
    const traces = (found.data?.items ?? []).map((trace) => ({
      id: trace.trace_id,
      group: "Traces",
      label: trace.input_preview || trace.name,
      hint: `${trace.models[0] ?? trace.name} · ${duration(trace.duration_ms)} · ${ago(new Date(trace.started_at), now)}`,
      icon: <IconTimeline size={15} />,
      run: go(`/traces/${encodeURIComponent(trace.trace_id)}`, { at: trace.started_at }),
    }));
    const all: Entry = { id: "all", group: "Traces", label: `All traces with “${text}”`, icon: <IconListSearch size={15} />, run: go("/traces", { text }) };
    const byId: Entry[] = /^[0-9a-f]{32}$/i.test(text)
      ? [{ id: "by-id", group: "Traces", label: `Open trace ${text}`, icon: <IconArrowRight size={15} />, run: go(`/traces/${text.toLowerCase()}`) }]
      : [];
    return [...matching, ...byId, ...traces, all];
  }, [query, text, found.data, projects, views, project, navigate, onHelp, onTheme]);
}

function Body(props: Props) {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const entries = useEntries(query, props);
  const list = useRef<HTMLDivElement>(null);
  const active = Math.min(at, entries.length - 1);
  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [active, entries]);
  const run = (entry: Entry | undefined) => {
    if (entry === undefined) return;
    props.onClose();
    entry.run();
  };
  return (
    <>
      <div className={classes.field}>
        <IconSearch size={17} aria-hidden />
        <input
          autoFocus
          role="combobox"
          aria-expanded
          aria-controls="palette-list"
          aria-activedescendant={entries[active] === undefined ? undefined : `palette-${active}`}
          aria-label="Search and commands"
          placeholder="Go to, run, or search traces by text or id"
          value={query}
          onChange={(event) => {
            setQuery(event.target.value);
            setAt(0);
          }}
          onKeyDown={(event) => {
            const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
            if (step !== 0) {
              event.preventDefault();
              setAt((active + step + entries.length) % Math.max(entries.length, 1));
            } else if (event.key === "Enter") {
              event.preventDefault();
              run(entries[active]);
            }
          }}
        />
        <Kbd>Esc</Kbd>
      </div>
      <div className={classes.list} ref={list} role="listbox" id="palette-list" aria-label="Results">
        {entries.map((entry, index) => (
          <div key={entry.id} role="presentation">
            {entry.group !== entries[index - 1]?.group && (
              <div className={classes.group} role="presentation">
                {entry.group}
              </div>
            )}
            <div
              id={`palette-${index}`}
              role="option"
              aria-selected={index === active}
              className={classes.entry}
              onMouseMove={() => setAt(index)}
              onClick={() => run(entry)}
            >
              <span className={classes.icon} aria-hidden>
                {entry.icon}
              </span>
              <span className={classes.label}>{entry.label}</span>
              {entry.hint !== undefined && <span className={classes.hint}>{entry.hint}</span>}
            </div>
          </div>
        ))}
        {entries.length === 0 && <div className={classes.none}>Nothing fits “{query}”.</div>}
      </div>
    </>
  );
}

/** Everything by name. */
export function Palette(props: Props) {
  return (
    <Modal.Root opened={props.opened} onClose={props.onClose} size={640} yOffset="12vh">
      <Modal.Overlay />
      <Modal.Content aria-label="Search and commands">
        <Modal.Body p={0}>
          <Body {...props} />
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
