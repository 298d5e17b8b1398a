import { IconActivityHeartbeat, IconListTree, IconSettings } from "@tabler/icons-react";

export const PAGES = [
  { to: "/", label: "Overview", icon: IconActivityHeartbeat, key: "o" },
  { to: "/traces", label: "Traces", icon: IconListTree, key: "t" },
  { to: "/settings", label: "Settings", icon: IconSettings, key: "s" },
] as const;

export const SECTIONS = [
  { to: "/settings/keys", label: "Virtual keys" },
  { to: "/settings/providers", label: "Provider accounts" },
  { to: "/settings/routes", label: "Routes" },
  { to: "/settings/projects", label: "Projects" },
] as const;
