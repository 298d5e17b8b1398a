import { IconArrowForwardUp, IconBrain, IconChevronRight, IconTool } from "@tabler/icons-react";
import { useMemo, useState, type ReactNode } from "react";
import type { SpanDetail } from "@/api/types";
import { LazyPicture } from "@/ui/LazyPicture";
import { JsonTree } from "@/ui/json/JsonTree";
import { Markdown } from "@/ui/markdown/Markdown";
import { isPicture } from "@/ui/markdown/picture";
import { CopyButton, Tag } from "@/ui/parts";
import { readConversation, splitPictures, type Message, type Part, type Tool, type ToolCall } from "./conversation";
import classes from "./conversation.module.css";

const LONG_TEXT = 12_000;

function Fold({ title, open = false, children, icon, tone }: { title: ReactNode; open?: boolean; children: ReactNode; icon?: ReactNode; tone?: "quiet" }) {
  const [shown, setShown] = useState(open);
  return (
    <div className={classes.fold} data-tone={tone}>
      <button type="button" className={classes.foldHead} aria-expanded={shown} onClick={() => setShown(!shown)}>
        <IconChevronRight size={14} className={classes.chevron} aria-hidden />
        {icon}
        <span className={classes.foldTitle}>{title}</span>
      </button>
      {shown && <div className={classes.foldBody}>{children}</div>}
    </div>
  );
}

function Text({ text }: { text: string }) {
  const pieces = useMemo(() => splitPictures(text), [text]);
  return pieces.map((piece, index) => (piece.type === "image" ? <Picture key={index} url={piece.url} /> : <Words key={index} text={piece.text} />));
}

function Words({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  if (whole || text.length <= LONG_TEXT) return <Markdown text={text} />;
  return (
    <>
      <Markdown text={text.slice(0, LONG_TEXT)} />
      <button type="button" className={classes.moreText} onClick={() => setWhole(true)}>
        Show all {text.length.toLocaleString("en-US")} characters
      </button>
    </>
  );
}

function Picture({ url }: { url: string }) {
  const [large, setLarge] = useState(false);
  if (!isPicture(url)) {
    return (
      <Tag title={`${url.slice(0, 300)}\n(remote images are not loaded)`}>
        Image at {/^https?:/.test(url) ? host(url) : "an unknown place"}, not loaded
      </Tag>
    );
  }
  return (
    <button type="button" className={classes.picture} onClick={() => setLarge(!large)} data-large={large || undefined} aria-label={large ? "Make the image small" : "Make the image large"}>
      <LazyPicture url={url} alt="Recorded image" />
    </button>
  );
}

function host(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return "an unknown place";
  }
}

function PartView({ part, json }: { part: Part; json: boolean }) {
  switch (part.type) {
    case "text":
      return json && looksLikeJson(part.text) ? (
        <div className={classes.jsonBox}>
          <JsonTree title="JSON" text={part.text} bare />
        </div>
      ) : (
        <Text text={part.text} />
      );
    case "image":
      return <Picture url={part.url} />;
    case "reasoning":
      return (
        <Fold title={`Reasoning, ${part.text.length.toLocaleString("en-US")} characters`} icon={<IconBrain size={14} aria-hidden />} tone="quiet">
          <Text text={part.text} />
        </Fold>
      );
    case "refusal":
      return (
        <div className={classes.refusal}>
          <strong>Refused.</strong> {part.text}
        </div>
      );
    case "file":
      return <Tag>{part.label}</Tag>;
    case "json":
      return (
        <div className={classes.jsonBox}>
          <JsonTree title="Content" text={JSON.stringify(part.value)} />
        </div>
      );
  }
}

function looksLikeJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function oneLine(json: string): string {
  return json.replace(/\s+/g, " ").slice(0, 120);
}

function ToolCallCard({ call }: { call: ToolCall }) {
  return (
    <Fold
      icon={<IconTool size={14} aria-hidden />}
      title={
        <>
          <b className={classes.toolName}>{call.name}</b>
          <code className={classes.preview}>{oneLine(call.arguments)}</code>
        </>
      }
    >
      {looksLikeJson(call.arguments) ? (
        <div className={classes.jsonBox}>
          <JsonTree title="Arguments" text={call.arguments} bare />
        </div>
      ) : (
        <pre className={classes.plain}>{call.arguments}</pre>
      )}
    </Fold>
  );
}

const ROLE_WORDS: Record<string, string> = { user: "User", assistant: "Assistant", system: "System", developer: "Developer", tool: "Tool result", function: "Tool result" };

function messageText(message: Message): string {
  return message.parts.map((part) => ("text" in part ? part.text : "")).join("\n").trim() || message.toolCalls.map((call) => `${call.name}(${call.arguments})`).join("\n");
}

function MessageCard({ message, callName, reply }: { message: Message; callName: string; reply: boolean }) {
  const folded = message.role === "system" || message.role === "developer";
  const isTool = message.role === "tool" || message.role === "function";
  const title = ROLE_WORDS[message.role] ?? message.role;
  const text = messageText(message);
  const body = (
    <div className={classes.parts}>
      {message.parts.map((part, index) => (
        <PartView key={index} part={part} json={isTool || reply} />
      ))}
      {message.toolCalls.map((call, index) => (
        <ToolCallCard key={call.id || index} call={call} />
      ))}
      {message.parts.length === 0 && message.toolCalls.length === 0 && <span className={classes.nothing}>Empty message</span>}
    </div>
  );
  if (folded || (isTool && text.length > 400)) {
    return (
      <article className={classes.message} data-role={message.role} aria-label={title}>
        <Fold
          title={
            <>
              <b className={classes.role}>{title}</b>
              {callName !== "" && <code className={classes.preview}>{callName}</code>}
              <span className={classes.preview}>{oneLine(text)}</span>
            </>
          }
        >
          {body}
        </Fold>
      </article>
    );
  }
  return (
    <article className={classes.message} data-role={message.role} data-reply={reply || undefined} aria-label={title}>
      <header className={classes.messageHead}>
        <b className={classes.role}>{title}</b>
        {message.name !== "" && <Tag>{message.name}</Tag>}
        {callName !== "" && (
          <Tag mono>
            <IconArrowForwardUp size={12} aria-hidden />
            {callName}
          </Tag>
        )}
        <span className={classes.copy}>
          <CopyButton text={text} label="Copy message" size={24} />
        </span>
      </header>
      {body}
    </article>
  );
}

function Tools({ tools }: { tools: readonly Tool[] }) {
  return (
    <Fold icon={<IconTool size={14} aria-hidden />} title={<span className={classes.preview}>{`${tools.length} ${tools.length === 1 ? "tool" : "tools"} offered: ${tools.map((tool) => tool.name).join(", ")}`}</span>} tone="quiet">
      <dl className={classes.tools}>
        {tools.map((tool, index) => (
          <div key={index}>
            <dt>
              <code>{tool.name}</code>
            </dt>
            <dd>
              {tool.description}
              <pre className={classes.plain}>{tool.schema}</pre>
            </dd>
          </div>
        ))}
      </dl>
    </Fold>
  );
}

/** The call as people speak; anything else as its text or JSON. */
export function Conversation({ span }: { span: SpanDetail }) {
  const conversation = useMemo(() => readConversation(span.input, span.output), [span.input, span.output]);
  const names = useMemo(() => new Map((conversation?.messages ?? []).flatMap((message) => message.toolCalls.map((call) => [call.id, call.name] as const))), [conversation]);
  const nothing = span.input === "" && span.output === "";
  if (nothing) {
    return (
      <div className={classes.conversation}>
        <p className={classes.nothing}>Neither input nor output was recorded for this span.</p>
      </div>
    );
  }
  return (
    <div className={classes.conversation}>
      {conversation !== null && conversation.parameters.length > 0 && (
        <div className={classes.parameters} aria-label="Parameters">
          {conversation.parameters.map(([name, value]) => (
            <Tag key={name} mono title={`${name}: ${value}`}>
              {name} {value.length > 40 ? `${value.slice(0, 40)}…` : value}
            </Tag>
          ))}
        </div>
      )}
      {conversation !== null && conversation.tools.length > 0 && <Tools tools={conversation.tools} />}
      {conversation?.messages.map((message, index) => <MessageCard key={`in ${index}`} message={message} callName={names.get(message.answers) ?? ""} reply={false} />)}
      {(conversation === null || conversation.messages.length === 0) && span.input !== "" && <RawBox title="Input" text={span.input} />}
      {conversation?.replies.map((message, index) => <MessageCard key={`out ${index}`} message={message} callName="" reply />)}
      {(conversation === null || conversation.replies.length === 0) && span.output !== "" && <RawBox title="Output" text={span.output} />}
      {span.output === "" && <p className={classes.nothing}>{span.status === "ok" ? "No output was recorded." : "There was no answer."}</p>}
    </div>
  );
}

function RawBox({ title, text }: { title: string; text: string }) {
  return (
    <div className={classes.jsonBox}>
      <JsonTree title={title} text={text} />
    </div>
  );
}
