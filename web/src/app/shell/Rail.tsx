import { ActionIcon, Menu, Tooltip, UnstyledButton } from "@mantine/core";
import { IconCheck, IconDeviceDesktop, IconKeyboard, IconLogout, IconMoon, IconPlus, IconSelector, IconSun } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { projectsQuery, sessionQuery, systemQuery } from "@/api/queries";
import { useProject } from "@/api/useProject";
import { signOut } from "@/api/writes";
import { remember } from "@/lib/storage";
import { Logo } from "./Logo";
import { PAGES } from "./nav";
import classes from "./shell.module.css";
import { useSchemeToggle } from "./useScheme";

function ProjectSwitcher() {
  const project = useProject();
  const { data: projects } = useQuery(projectsQuery);
  const navigate = useNavigate();
  const choose = (id: string) => {
    remember("project", id);
    void navigate({ to: ".", search: ((before: Record<string, unknown>) => ({ ...before, project: id })) as never });
  };
  return (
    <Menu width={240}>
      <Menu.Target>
        <UnstyledButton className={classes.project} aria-label={`Project ${project?.name ?? ""}, switch`}>
          <Logo />
          <span className={classes.projectName}>{project?.name ?? " "}</span>
          <IconSelector size={14} className={classes.wide} color="var(--text-3)" />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Projects</Menu.Label>
        {projects?.map((each) => (
          <Menu.Item
            key={each.id}
            onClick={() => choose(each.id)}
            rightSection={each.id === project?.id ? <IconCheck size={14} aria-label="current" /> : null}
          >
            {each.name}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconPlus size={14} />} onClick={() => void navigate({ to: "/settings/projects", search: { new: "1" } as never })}>
          New project
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

const SCHEMES = [
  { id: "light", label: "Light", icon: IconSun },
  { id: "dark", label: "Dark", icon: IconMoon },
  { id: "auto", label: "Like the system", icon: IconDeviceDesktop },
] as const;

function Person({ onHelp }: { onHelp: () => void }) {
  const { data: session } = useQuery(sessionQuery);
  const { colorScheme, setColorScheme } = useSchemeToggle();
  const client = useQueryClient();
  const navigate = useNavigate();
  const leave = useMutation({
    mutationFn: signOut,
    onSuccess: async () => {
      client.clear();
      await navigate({ to: "/sign-in" });
    },
  });
  const person = session?.person;
  const name = person?.name ?? "";
  return (
    <div className={classes.foot}>
      <Menu width={224} position="top-start">
        <Menu.Target>
          <UnstyledButton className={classes.person} title="Account, theme, sign out">
            <span className={classes.avatar} data-initials={initials(name)} aria-hidden />
            <span className={classes.personName}>{name}</span>
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>
            {person?.email} · {person?.role}
          </Menu.Label>
          <Menu.Divider />
          <Menu.Label>Theme</Menu.Label>
          {SCHEMES.map(({ id, label, icon: Icon }) => (
            <Menu.Item key={id} closeMenuOnClick={false} onClick={() => setColorScheme(id)} leftSection={<Icon size={15} />} rightSection={colorScheme === id ? <IconCheck size={14} aria-label="current" /> : null}>
              {label}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item leftSection={<IconLogout size={15} />} onClick={() => leave.mutate()}>
            Sign out
          </Menu.Item>
          <Menu.Divider />
          <Menu.Label>Pilothouse {session?.version}</Menu.Label>
        </Menu.Dropdown>
      </Menu>
      <Tooltip label="Keyboard shortcuts  ?">
        <ActionIcon className={classes.wide} aria-label="Keyboard shortcuts" onClick={onHelp}>
          <IconKeyboard size={16} />
        </ActionIcon>
      </Tooltip>
    </div>
  );
}

function Health() {
  const { data, isError } = useQuery({ ...systemQuery, refetchInterval: 30_000 });
  const bad = data?.parts.filter((part) => !part.ok) ?? [];
  if (!isError && bad.length === 0) return null;
  const text = isError ? "The platform does not answer" : bad.map((part) => `${part.name}: ${part.detail}`).join("\n");
  return (
    <Tooltip label={text} position="right" multiline maw={320}>
      <div className={classes.health} role="status">
        <span className={classes.healthDot} />
        <span className={classes.wide}>{isError ? "Not connected" : `${bad.map((part) => part.name).join(", ")} not ready`}</span>
      </div>
    </Tooltip>
  );
}

export function Rail({ onHelp }: { onHelp: () => void }) {
  return (
    <nav className={classes.rail} aria-label="Main">
      <ProjectSwitcher />
      <ul className={classes.pages}>
        {PAGES.map(({ to, label, icon: Icon }) => (
          <li key={to}>
            <Link to={to} className={classes.page} activeOptions={{ exact: to === "/", includeSearch: false }} activeProps={{ "data-active": true }} aria-label={label} title={label}>
              <Icon size={17} stroke={1.75} aria-hidden />
              <span className={classes.label}>{label}</span>
            </Link>
          </li>
        ))}
      </ul>
      <Health />
      <Person onHelp={onHelp} />
    </nav>
  );
}

function initials(name: string): string {
  const parts = name.trim().split(/\s+/);
  return ((parts[0]?.[0] ?? "") + (parts.length > 1 ? (parts[parts.length - 1]?.[0] ?? "") : "")).toUpperCase();
}
