import { useState } from "react";
import { withoutBinary } from "@/ui/json/model";
import { Tag } from "@/ui/parts";
import type { DocumentList, FoundDocument } from "./documents";
import classes from "./happened.module.css";

const LONG_TEXT = 600;
const FIRST_SHOWN = 50;
const PLACES = new Intl.NumberFormat("en", { maximumFractionDigits: 4 });

function Document({ document, place, best }: { document: FoundDocument; place: number; best: number }) {
  const [whole, setWhole] = useState(false);
  const text = withoutBinary(document.text);
  const shown = whole || text.length <= LONG_TEXT ? text : `${text.slice(0, LONG_TEXT)}…`;
  return (
    <li className={classes.item}>
      <div className={classes.head}>
        <b>{place}</b>
        {document.id !== "" && <code>{document.id}</code>}
        {document.score !== null && (
          <span className={classes.score} title={String(document.score)}>
            <i style={{ width: best <= 0 ? 0 : Math.max(0, Math.min(1, document.score / best)) * 80 }} />
            <span>{PLACES.format(document.score)}</span>
          </span>
        )}
      </div>
      {text !== "" && <p className={classes.text}>{shown}</p>}
      {text.length > LONG_TEXT && (
        <button type="button" className={classes.more} onClick={() => setWhole(!whole)}>
          {whole ? "Less" : `All ${text.length.toLocaleString("en-US")} characters`}
        </button>
      )}
      {document.facts.length > 0 && (
        <div className={classes.facts}>
          {document.facts.slice(0, 12).map(([name, value]) => (
            <Tag key={name} title={`${name}: ${value}`.slice(0, 2_000)}>
              {name} {value.length > 60 ? `${value.slice(0, 60)}…` : value}
            </Tag>
          ))}
        </div>
      )}
    </li>
  );
}

function List({ title, documents }: DocumentList) {
  const [all, setAll] = useState(false);
  const best = documents.reduce((most, document) => Math.max(most, document.score ?? 0), 0);
  return (
    <section>
      <h2>
        {title}: {documents.length.toLocaleString("en-US")} {documents.length === 1 ? "document" : "documents"}
      </h2>
      <ol className={classes.list} aria-label={title}>
        {(all ? documents : documents.slice(0, FIRST_SHOWN)).map((document, index) => (
          <Document key={index} document={document} place={index + 1} best={best} />
        ))}
      </ol>
      {!all && documents.length > FIRST_SHOWN && (
        <button type="button" className={classes.more} onClick={() => setAll(true)}>
          All {documents.length.toLocaleString("en-US")}
        </button>
      )}
    </section>
  );
}

/** What a retrieval found, by rank, with scores. */
export function DocumentsTab({ lists }: { lists: readonly DocumentList[] }) {
  return (
    <div className={classes.tab}>
      {lists.map((list) => (
        <List key={list.title} {...list} />
      ))}
    </div>
  );
}
