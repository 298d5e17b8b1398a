import { IconActivityHeartbeat, IconChartHistogram, IconDatabase, IconFileText, IconLayoutDashboard, IconListDetails, IconListTree, IconMessages, IconSettings, IconStack2, IconUsers } from "@tabler/icons-react";

export const PAGES = [
  { to: "/", label: "Overview", icon: IconActivityHeartbeat, key: "o" },
  { to: "/dashboards", label: "Dashboards", icon: IconLayoutDashboard, key: "d" },
  { to: "/traces", label: "Traces", icon: IconListTree, key: "t" },
  { to: "/signals/metrics", label: "Metrics", icon: IconChartHistogram, key: "m" },
  { to: "/signals/logs", label: "Logs", icon: IconListDetails, key: "l" },
  { to: "/sessions", label: "Sessions", icon: IconMessages, key: "e" },
  { to: "/users", label: "Users", icon: IconUsers, key: "u" },
  { to: "/prompts", label: "Prompts", icon: IconFileText, key: "p" },
  { to: "/datasets", label: "Datasets", icon: IconDatabase, key: "a" },
  { to: "/batches", label: "Batches", icon: IconStack2, key: "b" },
  { to: "/settings", label: "Settings", icon: IconSettings, key: "s" },
] as const;
