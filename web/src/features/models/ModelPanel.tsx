import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { asApiError } from "@/api/client";
import { catalogEntryQuery, systemQuery } from "@/api/queries";
import type { CatalogEntry, CatalogTarget, Price } from "@/api/types";
import { colourOf } from "@/lib/colour";
import { grouped, percent } from "@/lib/format";
import { snippets } from "@/lib/snippets";
import { Badge, ColourName, CopyButton, ErrorState, Fields, Skeleton, Snippet, Tag } from "@/ui/parts";
import { SidePanel } from "@/ui/SidePanel";
import { TokenPrice } from "./Amount";
import { AbilityList } from "./Can";
import { likeTable, priceTable, sourceWord, TASKS } from "./catalog";
import { openModel } from "./ModelTable";
import classes from "./models.module.css";
import { PriceMatrix } from "./PriceMatrix";

function Part({ title, note, children }: { title: string; note?: ReactNode; children: ReactNode }) {
  return (
    <section className={classes.part}>
      <h2>
        {title} {note !== undefined && <span className={classes.partNote}>{note}</span>}
      </h2>
      {children}
    </section>
  );
}

function GuideLink({ children }: { children: ReactNode }) {
  return (
    <Link to={"/docs/guides/prices" as never} target="_blank">
      {children}
    </Link>
  );
}

function Unpriced({ entry, price }: { entry: Pick<CatalogEntry, "account" | "model">; price: Price }) {
  return (
    <>
      <p className={classes.lead}>
        {price.detail} Its calls are recorded as <b className={classes.unpriced}>unpriced</b>, never as free. Give it a price in your file of prices:
      </p>
      <Snippet
        variants={[
          { name: "Own price", code: priceTable(entry) },
          { name: "Like another model", code: likeTable(entry) },
        ]}
      />
      <p className={classes.foot}>
        The file is named by <code>prices</code> under <code>[ingest]</code> in <code>pilothouse.toml</code>. <GuideLink>How prices are set</GuideLink>
      </p>
    </>
  );
}

function overrideText(price: Price): ReactNode {
  const { override } = price;
  if (override === null) return null;
  const what = [override.like === "" ? "" : `priced like ${override.like}`, override.multiplier === "1" ? "" : `× ${override.multiplier}`].filter((part) => part !== "").join(", ");
  const matched = [override.account === "*" ? "" : `account ${override.account}`, override.provider === "*" ? "" : `provider ${override.provider}`, `model ${override.model}`].filter((part) => part !== "").join(", ");
  return (
    <>
      Table {override.number} of your file
      <span className={classes.dim}>
        {" "}
        for {matched}
        {override.from !== null && `, from ${override.from}`}
        {what !== "" && `; ${what}`}
      </span>
    </>
  );
}

function Origin({ price }: { price: Price }) {
  const rows: [string, ReactNode][] = [];
  const own = overrideText(price);
  if (own !== null) rows.push(["Own price", own]);
  if (price.listed !== null) {
    rows.push(["List price", <code key="listed">{price.listed.model}</code>]);
    if (price.listed.since !== null) rows.push(["Since", price.listed.since]);
    if (price.listed.by_time_of_day) rows.push(["Hours", "Other hours of the day have another price; this is the one of now"]);
    if (price.listed.url !== "") {
      rows.push([
        "Provider’s page",
        <a key="url" href={price.listed.url} target="_blank" rel="noreferrer noopener">
          {price.listed.url.replace(/^https?:\/\//, "")}
        </a>,
      ]);
    }
  }
  rows.push(["Stamp on costs", <code key="stamp">{price.version}</code>]);
  if (price.listed !== null && price.listed.note !== "") rows.push(["Note", <span key="note" className={classes.note}>{price.listed.note}</span>]);
  return <Fields rows={rows} />;
}

function PricePart({ entry, price }: { entry: Pick<CatalogEntry, "account" | "model">; price: Price }) {
  return (
    <Part title="Price" note={price.status === "unpriced" ? undefined : sourceWord(price)}>
      {price.status === "unpriced" && <Unpriced entry={entry} price={price} />}
      {price.status === "free" && (
        <p className={classes.lead}>
          <b className={classes.free}>Free</b>: the model runs on your own hardware, so its calls cost 0. <GuideLink>Give it a price</GuideLink> to charge for the hardware.
        </p>
      )}
      {price.status === "priced" && (
        <>
          <PriceMatrix price={price} />
          <p className={classes.foot}>
            A kind that is not named costs what input or output costs.
            {price.rates.some((rate) => rate.steps.length > 0) && " A prompt above a length pays the higher price for all of its tokens."}
          </p>
        </>
      )}
      <Origin price={price} />
    </Part>
  );
}

function TargetLine({ target, all }: { target: CatalogTarget; all: number }) {
  return (
    <li className={classes.target}>
      <span className={classes.share}>{percent(all === 0 ? 0 : target.weight / all)}</span>
      <Link to="." search={openModel(target.name)} replace className={classes.targetName}>
        <ColourName colour={colourOf(target.model)}>{target.name}</ColourName>
      </Link>
      {!target.enabled && <Tag title={target.provider === "" ? "There is no such account" : "Its account takes no calls"}>{target.provider === "" ? "no account" : "disabled"}</Tag>}
      <span className={classes.targetPrice}>
        {target.price !== null && (
          <>
            <TokenPrice price={target.price} kind="input" />
            {target.price.status === "priced" && (
              <>
                <span className={classes.dim}> in · </span>
                <TokenPrice price={target.price} kind="output" />
                <span className={classes.dim}> out</span>
              </>
            )}
          </>
        )}
      </span>
    </li>
  );
}

function TargetsPart({ entry }: { entry: CatalogEntry }) {
  const all = entry.targets.reduce((sum, target) => sum + target.weight, 0);
  return (
    <Part title="Leads to" note={entry.targets.length > 1 ? "each call is priced by the target that served it" : undefined}>
      <ul className={classes.targets}>
        {entry.targets.map((target) => (
          <TargetLine key={`${target.name} ${target.weight}`} target={target} all={all} />
        ))}
      </ul>
    </Part>
  );
}

/** Leads away with the project, and without what this list was narrowed by. */
const away = (more: Record<string, unknown> = {}) =>
  ((before: Record<string, unknown>) => ({ project: before.project, range: before.range, from: before.from, to: before.to, ...more })) as never;

function Ways({ entry }: { entry: CatalogEntry }) {
  const route = entry.kind === "route";
  return (
    <div className={classes.ways}>
      <Link to="/traces" search={away({ model: [route ? entry.name : entry.model] })}>
        Its traces
      </Link>
      <Link to={(route ? "/settings/routes" : "/settings/providers") as never} search={away()}>
        {route ? "Routes" : `Account ${entry.account}`}
      </Link>
      <GuideLink>How prices are set</GuideLink>
    </div>
  );
}

function Facts({ entry }: { entry: CatalogEntry }) {
  const { task } = entry.abilities;
  const rows: [string, ReactNode][] = [
    ["Task", task === null ? <span className={classes.dim}>not known</span> : TASKS[task]],
    ["Longest input", entry.context_tokens === null ? <span className={classes.dim}>not known</span> : `${grouped(entry.context_tokens)} tokens`],
  ];
  if (entry.deprecated) rows.push(["State", <span key="state" className={classes.unpriced}>deprecated: its provider gives it up</span>]);
  return <Fields rows={rows} />;
}

function Details({ entry }: { entry: CatalogEntry }) {
  const { data: system } = useQuery(systemQuery);
  const chats = entry.abilities.task === null || entry.abilities.task === "chat";
  const [only] = entry.targets;
  const priced = only !== undefined && entry.price !== null ? only : entry;
  return (
    <>
      <Ways entry={entry} />
      {entry.kind === "route" && <TargetsPart entry={entry} />}
      {entry.price !== null && <PricePart entry={priced} price={entry.price} />}
      <Part title="Can" note={entry.targets.length > 1 ? "what all targets share" : "what its family is known for"}>
        <Facts entry={entry} />
        {(chats || entry.kind === "route") && <AbilityList abilities={entry.abilities} />}
      </Part>
      {chats && (
        <Part title="Call it">
          <Snippet variants={snippets({ gateway: system?.gateway_url ?? "http://127.0.0.1:4000", key: "$PILOTHOUSE_KEY", model: entry.name })} />
        </Part>
      )}
    </>
  );
}

function Title({ name, entry }: { name: string; entry: CatalogEntry | undefined }) {
  return (
    <>
      <div className={classes.panelName}>
        <h1>{entry === undefined || entry.kind === "route" ? name : <ColourName colour={colourOf(entry.model)}>{name}</ColourName>}</h1>
        <CopyButton text={name} label="Copy the name" size={24} />
      </div>
      {entry !== undefined && (
        <div className={classes.panelTags}>
          {entry.title !== "" && <span className={classes.dim}>{entry.title}</span>}
          {entry.kind === "route" && <Tag>route</Tag>}
          {!entry.listed && <Tag title="Its account takes it without listing it">not listed</Tag>}
          {!entry.enabled && <Badge tone="unknown">disabled</Badge>}
          {entry.deprecated && <Badge tone="warn">deprecated</Badge>}
        </div>
      )}
    </>
  );
}

/** Everything about one name; also of one that an account takes without listing it. */
export function ModelPanel({ name, known, onClose }: { name: string; known: CatalogEntry | undefined; onClose: () => void }) {
  const asked = useQuery({ ...catalogEntryQuery(name), enabled: known === undefined });
  const entry = known ?? asked.data ?? undefined;
  return (
    <SidePanel label={name} title={<Title name={name} entry={entry} />} onClose={onClose}>
      {entry !== undefined ? (
        <Details entry={entry} />
      ) : asked.isError ? (
        <ErrorState failure={asApiError(asked.error)} onRetry={() => void asked.refetch()} />
      ) : asked.data === null ? (
        <p className={classes.lead}>
          No account answers to <code>{name}</code>. A model is called as <code>account/model</code>; its account lists it, or allows models that it does not list.
        </p>
      ) : (
        <Skeleton height={160} />
      )}
    </SidePanel>
  );
}
