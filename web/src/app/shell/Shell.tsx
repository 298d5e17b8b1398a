import { useQuery } from "@tanstack/react-query";
import { Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { sessionQuery } from "@/api/queries";
import { useKeys } from "@/lib/keys";
import { Header } from "./Header";
import { KeysHelp } from "./KeysHelp";
import { Palette } from "./Palette";
import { Rail } from "./Rail";
import classes from "./shell.module.css";
import { useSchemeToggle } from "./useScheme";

export function Shell() {
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const navigate = useNavigate();
  const location = useLocation();
  const { toggle } = useSchemeToggle();
  const { data: session } = useQuery(sessionQuery);
  const signedOut = session?.person === null;
  useEffect(() => {
    // The shell stays for a moment after it has sent the person away; sending them again from there would never end.
    if (signedOut && location.pathname !== "/sign-in") void navigate({ to: "/sign-in", search: { next: location.href } as never });
  }, [signedOut, navigate, location.href, location.pathname]);
  useKeys({
    "mod+k": () => setPalette((open) => !open),
    "?": () => setHelp(true),
  });
  return (
    <div className={classes.shell}>
      <button type="button" className={classes.skip} onClick={() => document.getElementById("main")?.focus()}>
        Skip to the page
      </button>
      <Rail onHelp={() => setHelp(true)} />
      <Header onPalette={() => setPalette(true)} />
      <main id="main" className={classes.main} tabIndex={-1}>
        <Outlet />
      </main>
      <Palette opened={palette} onClose={() => setPalette(false)} onHelp={() => setHelp(true)} onTheme={toggle} />
      <KeysHelp opened={help} onClose={() => setHelp(false)} />
    </div>
  );
}
