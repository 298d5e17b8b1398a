import { Link, Outlet } from "@tanstack/react-router";
import { SETTINGS_SECTIONS } from "@/lib/settingsSections";
import { partStyles } from "@/ui/parts";
import classes from "./settings.module.css";

export function SettingsLayout() {
  return (
    <div className={classes.layout}>
      <nav className={classes.nav} aria-label="Settings">
        <div className={partStyles.tabs}>
          {SETTINGS_SECTIONS.map((section) => (
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
