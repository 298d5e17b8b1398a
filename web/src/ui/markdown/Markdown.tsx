/** Markdown as React elements. Raw HTML stays text, links and remote images are shown and never followed. */
import { lexer, type Token, type Tokens } from "marked";
import { Fragment, useMemo, type ReactNode } from "react";
import classes from "./markdown.module.css";
import { CopyButton } from "../parts";
import { LazyPicture } from "../LazyPicture";
import { isPicture } from "./picture";

const ENTITIES: Record<string, string> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };
const unescape = (text: string) => text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity] ?? entity);

function Link({ href, children }: { href: string; children: ReactNode }) {
  return (
    <span className={classes.link} title={`${href}\n(links in recorded text are not followed)`}>
      {children}
    </span>
  );
}

function Picture({ href, alt }: { href: string; alt: string }) {
  if (isPicture(href)) return <LazyPicture className={classes.picture} url={href} alt={alt} />;
  return (
    <span className={classes.remote} title={`${href}\n(remote images are not loaded)`}>
      image{alt === "" ? "" : `: ${alt}`}
    </span>
  );
}

function inline(tokens: readonly Token[] | undefined): ReactNode {
  return tokens?.map((token, index) => <Fragment key={index}>{inlineOne(token)}</Fragment>);
}

function inlineOne(token: Token): ReactNode {
  switch (token.type) {
    case "strong":
      return <strong>{inline(token.tokens)}</strong>;
    case "em":
      return <em>{inline(token.tokens)}</em>;
    case "del":
      return <del>{inline(token.tokens)}</del>;
    case "codespan":
      return <code className={classes.code}>{unescape((token as Tokens.Codespan).text)}</code>;
    case "br":
      return <br />;
    case "link":
      return <Link href={(token as Tokens.Link).href}>{inline(token.tokens)}</Link>;
    case "image":
      return <Picture href={(token as Tokens.Image).href} alt={(token as Tokens.Image).text} />;
    case "text":
      return token.tokens === undefined ? unescape((token as Tokens.Text).text) : inline(token.tokens);
    case "escape":
      return unescape((token as Tokens.Escape).text);
    default:
      return token.raw;
  }
}

function List({ token }: { token: Tokens.List }) {
  const items = token.items.map((item, index) => (
    <li key={index} className={item.task ? classes.task : undefined}>
      {item.task && <input type="checkbox" checked={item.checked === true} readOnly disabled aria-label="Task" />}
      {blocks(item.tokens.filter((part) => part.type !== "checkbox"))}
    </li>
  ));
  return token.ordered ? <ol start={Number(token.start) || 1}>{items}</ol> : <ul>{items}</ul>;
}

function Table({ token }: { token: Tokens.Table }) {
  const align = (index: number) => ({ textAlign: token.align[index] ?? ("left" as const) });
  return (
    <div className={classes.scroll}>
      <table>
        <thead>
          <tr>
            {token.header.map((cell, index) => (
              <th key={index} style={align(index)}>
                {inline(cell.tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column} style={align(column)}>
                  {inline(cell.tokens)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function block(token: Token): ReactNode {
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "heading":
      // Not a heading of the page: recorded text must not take part in its outline.
      return (
        <p className={classes.heading} data-large={(token as Tokens.Heading).depth <= 2 || undefined}>
          {inline(token.tokens)}
        </p>
      );
    case "paragraph":
      return <p>{inline(token.tokens)}</p>;
    case "text":
      return token.tokens === undefined ? unescape(token.raw) : inline(token.tokens);
    case "code": {
      const { text, lang } = token as Tokens.Code;
      return (
        <div className={classes.block}>
          <div className={classes.blockHead}>
            <span>{lang ?? "code"}</span>
            <CopyButton text={text} label="Copy code" size={24} />
          </div>
          <pre tabIndex={0}>{text}</pre>
        </div>
      );
    }
    case "blockquote":
      return <blockquote>{blocks(token.tokens ?? [])}</blockquote>;
    case "list":
      return <List token={token as Tokens.List} />;
    case "table":
      return <Table token={token as Tokens.Table} />;
    case "hr":
      return <hr />;
    case "html":
      return <p className={classes.raw}>{token.raw.trimEnd()}</p>;
    default:
      return inlineOne(token);
  }
}

function blocks(tokens: readonly Token[]): ReactNode {
  return tokens.map((token, index) => <Fragment key={index}>{block(token)}</Fragment>);
}

export function Markdown({ text, breaks = true }: { text: string; breaks?: boolean }) {
  const tokens = useMemo(() => lexer(text, { gfm: true, breaks }), [text, breaks]);
  return <div className={classes.markdown}>{blocks(tokens)}</div>;
}
