import { Link } from "@tanstack/react-router";
import source from "../../../../docs/guides/prices.md?raw";
import { Markdown } from "@/ui/markdown/Markdown";
import classes from "./reference.module.css";

const [, TITLE = "", BODY = ""] = /^# (.+)\n([^]*)$/.exec(source) ?? [];

/** How an operator gives prices; comes with the UI, so that it needs no other site. */
export function PricesGuidePage() {
  return (
    <main className={`${classes.page} ${classes.guide}`}>
      <Link to={"/settings/models" as never} className={classes.home}>
        Models
      </Link>
      <h1>{TITLE}</h1>
      <Markdown text={BODY} breaks={false} />
    </main>
  );
}
