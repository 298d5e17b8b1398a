import { Link, useLocation } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import source from "../../../../docs/reference/errors.md?raw";
import { Panel, partStyles } from "@/ui/parts";
import { advice } from "./advice";
import { readCodes } from "./codes";
import classes from "./reference.module.css";

/** Every error code, for whoever follows the link of an error; comes with the UI, so that it needs no other site. */
export function ErrorCodesPage() {
  const { hash } = useLocation();
  const rows = useMemo(() => readCodes(source), []);
  useEffect(() => {
    document.getElementById(hash)?.scrollIntoView({ block: "center" });
  }, [hash]);
  return (
    <main className={classes.page}>
      <Link to={"/" as never} className={classes.home}>
        Pilothouse
      </Link>
      <h1>Error codes</h1>
      <p>Every error carries one of these codes: in the API, at the gateway in every dialect, in metrics and on the command line.</p>
      <Panel>
        <div className={partStyles.tableWrap} tabIndex={0} role="region" aria-label="Table of error codes">
          <table className={`${partStyles.table} ${classes.table}`}>
            <thead>
              <tr>
                <th scope="col">Code</th>
                <th scope="col">HTTP</th>
                <th scope="col">Meaning</th>
                <th scope="col">Who has to act</th>
                <th scope="col">May a retry help</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.code} id={row.code} data-target={row.code === hash || undefined}>
                  <td>
                    <code>{row.code}</code>
                  </td>
                  <td>{row.status}</td>
                  <td className={classes.meaning}>
                    <b>{row.title}.</b> {row.meaning}
                    {advice(row.code) !== "" && <span className={classes.advice}>{advice(row.code)}</span>}
                  </td>
                  <td>{row.actor}</td>
                  <td>{row.retry}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Panel>
    </main>
  );
}
