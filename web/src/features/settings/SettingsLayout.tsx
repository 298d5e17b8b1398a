import { Link, Outlet } from "@tanstack/react-router";
import { partStyles } from "@/ui/parts";
import classes from "./settings.module.css";

const SECTIONS = [
  { to: "/settings/keys", label: "Virtual keys" },
  { to: "/settings/providers", label: "Provider accounts" },
  { to: "/settings/routes", label: "Routes" },
  { to: "/settings/projects", label: "Projects" },
] as const;

export function SettingsLayout() {
  return (
    <div className={classes.layout}>
      <nav className={classes.nav} aria-label="Settings">
        <div className={partStyles.tabs}>
          {SECTIONS.map((section) => (
            <Link key={section.to} to={section.to as never} className={partStyles.tab} activeProps={{ "data-active": "true" }} activeOptions={{ includeSearch: false }}>
              {section.label}
            </Link>
          ))}
        </div>
      </nav>
      <div className={classes.content}>
        <Outlet />
      </div>
    </div>
  );
}
