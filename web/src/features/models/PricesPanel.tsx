import { Link } from "@tanstack/react-router";
import { IconAlertTriangleFilled } from "@tabler/icons-react";
import type { CatalogEntry, PriceBook } from "@/api/types";
import { Fields, Snippet } from "@/ui/parts";
import { SidePanel } from "@/ui/SidePanel";
import { Amount } from "./Amount";
import { kindWord, pricesOf } from "./catalog";
import classes from "./models.module.css";

type Override = PriceBook["overrides"][number];

const NAMED = `# pilothouse.toml
[ingest]
prices = "/etc/pilothouse/prices.toml"`;
const TABLE = `# /etc/pilothouse/prices.toml
[[price]]
account = "azure-eu"
model = "gpt-4o*"
multiplier = 0.85   # a negotiated discount

[[price]]
provider = "vllm"
model = "llama-*"
input_usd = 0.10    # per million tokens
output_usd = 0.30`;

function Pattern({ name, value }: { name: string; value: string }) {
  return (
    <span className={classes.pattern}>
      <span className={classes.dim}>{name}</span> <code>{value}</code>
    </span>
  );
}

function Table({ override: { entry, rates }, fits }: { override: Override; fits: number }) {
  return (
    <li className={classes.own}>
      <span className={classes.ownNumber}>{entry.number}</span>
      <div>
        <div className={classes.patterns}>
          {entry.account !== "*" && <Pattern name="account" value={entry.account} />}
          {entry.provider !== "*" && <Pattern name="provider" value={entry.provider} />}
          <Pattern name="model" value={entry.model} />
          {entry.from !== null && <Pattern name="from" value={entry.from} />}
        </div>
        <div className={classes.ownPrice}>
          {entry.like !== "" && (
            <span>
              like <code>{entry.like}</code>
            </span>
          )}
          {rates.map((rate) => (
            <span key={`${rate.kind} ${rate.per}`}>
              {kindWord(rate.kind)} <Amount rate={rate} unit={rate.per !== "million_tokens"} />
            </span>
          ))}
          {rates.length === 0 && entry.multiplier !== "1" && <span>list price × {entry.multiplier}</span>}
        </div>
        <div className={fits === 0 ? classes.unpriced : classes.dim}>{fits === 0 ? "fits no model of this list" : `fits ${fits} ${fits === 1 ? "model" : "models"}`}</div>
      </div>
    </li>
  );
}

export function Problem({ text }: { text: string }) {
  return (
    <div className={classes.problem} role="alert">
      <IconAlertTriangleFilled size={16} aria-hidden />
      <div>
        <b>Your file of prices is not in force as it stands now.</b> The prices before the last change still count. {text}
      </div>
    </div>
  );
}

/** Which prices count: the price data, and the operator's own that come before it. */
export function PricesPanel({ book, entries, onClose }: { book: PriceBook; entries: readonly CatalogEntry[]; onClose: () => void }) {
  const models = entries.filter((entry) => entry.kind === "account_model");
  const fits = (number: number) => models.filter((entry) => pricesOf(entry).some((price) => price.override?.number === number)).length;
  return (
    <SidePanel label="Prices in use" title={<h1>Prices in use</h1>} onClose={onClose}>
      <section className={classes.part}>
        <h2>List prices</h2>
        <Fields
          rows={[
            ["Price data", <code key="data">{book.version}</code>],
            ["Newest price", book.newest_price_on ?? "no dated price"],
            ["Renewed", "with the installation; nothing is fetched"],
          ]}
        />
      </section>
      <section className={classes.part}>
        <h2>
          Your own <span className={classes.partNote}>the first that fits wins, before list prices</span>
        </h2>
        {book.overrides_problem !== "" && <Problem text={book.overrides_problem} />}
        {book.overrides.length > 0 ? (
          <>
            <ol className={classes.owns}>
              {book.overrides.map((each) => (
                <Table key={each.entry.number} override={each} fits={fits(each.entry.number)} />
              ))}
            </ol>
            <Fields rows={[["Stamp on costs", <code key="stamp">{book.overrides_version}</code>]]} />
          </>
        ) : (
          <>
            <p className={classes.lead}>None. A file of prices gives discounts, prices for fine-tunes and deployments, and for models on your own hardware:</p>
            <Snippet variants={[{ name: "prices.toml", code: TABLE }, { name: "pilothouse.toml", code: NAMED }]} />
          </>
        )}
        <p className={classes.foot}>
          <Link to="/settings/data">Price calls of the past anew</Link>
        </p>
        <p className={classes.foot}>
          <Link to={"/docs/guides/prices" as never} target="_blank">
            How prices are set
          </Link>
        </p>
      </section>
    </SidePanel>
  );
}
