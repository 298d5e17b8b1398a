import { IconFile, IconPhoto } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useMemo, type ReactNode } from "react";
import { sharedMedia, sharedMediaQuery, sharedPictureQuery, sharedSource, type SharedMedia } from "@/api/shares";
import { save } from "@/lib/files";
import { ago, bytes, exactTime, timeOfDay } from "@/lib/format";
import { Badge, Skeleton } from "@/ui/parts";
import { fileName, shapeOf } from "../detail/media";
import { TraceBody } from "../detail/TraceBody";
import { Facts, Models } from "../detail/TraceHeader";
import type { TabId } from "../detail/SpanPanel";
import { useTree, type LoadedTree } from "../detail/useTree";
import trace from "../detail/trace.module.css";
import { Linked } from "../linked";
import { Status } from "../Status";
import classes from "./shared.module.css";

const EMPTY_TABS: readonly TabId[] = ["headers", "comments"];
const BODILESS_TABS: readonly TabId[] = [...EMPTY_TABS, "conversation", "documents", "events", "logs", "raw"];
const same = (id: string) => id;
const labelOf = (media: SharedMedia) => `${fileName(media)}, ${media.content_type || "file"}, ${bytes(media.size_bytes)}`;

function Picture({ token, media, label }: { token: string; media: SharedMedia; label: string }) {
  const { data: address } = useQuery(sharedPictureQuery(token, media.id));
  return (
    <a href={address} download={fileName(media)} title={label}>
      {address === undefined ? <IconPhoto size={20} aria-label={label} /> : <img src={address} alt={label} />}
    </a>
  );
}

/** Fetched only when somebody wants to have it. */
function File({ token, media, label }: { token: string; media: SharedMedia; label: string }) {
  const fetched = useMutation({
    mutationFn: () => sharedMedia(token, media.id),
    onSuccess: (body) => save(fileName(media), body, media.content_type),
  });
  return (
    <button type="button" title={label} aria-label={`Download ${label}`} disabled={fetched.isPending} onClick={() => fetched.mutate()}>
      <IconFile size={20} aria-hidden />
    </button>
  );
}

function MediaStrip({ token }: { token: string }) {
  const { data } = useQuery(sharedMediaQuery(token));
  if (data === undefined || data.length === 0) return null;
  return (
    <ul className={classes.media} aria-label="Media">
      {data.map((media) => (
        <li key={`${media.id} ${media.span_id} ${media.field} ${media.name}`}>
          {shapeOf(media.content_type) === "picture" ? <Picture token={token} media={media} label={labelOf(media)} /> : <File token={token} media={media} label={labelOf(media)} />}
        </li>
      ))}
    </ul>
  );
}

function Head({ loaded, bodies, expiresAt }: { loaded: LoadedTree; bodies: boolean; expiresAt: string }) {
  const { summary } = loaded;
  const begun = new Date(summary.started_at);
  const ends = new Date(expiresAt);
  return (
    <header className={trace.header}>
      <div className={`${trace.titleRow} ${classes.titleRow}`}>
        <h1 title={summary.name}>{summary.name}</h1>
        <Status status={summary.status} code={summary.error_code} />
        {summary.running === true && <Badge tone="unknown">running</Badge>}
        <span className={classes.note}>
          {bodies ? "Shared to read" : "Shared without inputs and outputs"} · until <time title={exactTime(ends)}>{ago(ends, new Date())}</time>
        </span>
      </div>
      <div className={trace.factRow}>
        <Facts summary={summary} />
        <div className={trace.meta}>
          <Models models={summary.models} />
          <time dateTime={summary.started_at} title={exactTime(begun)}>
            {timeOfDay(begun, new Date())}
          </time>
        </div>
      </div>
    </header>
  );
}

interface Props {
  token: string;
  bodies: boolean;
  expiresAt: string;
  /** In place of the trace when it cannot be shown. */
  failed: (error: Error, retry: () => void) => ReactNode;
}

/** The one trace that a share link leads to, to read, and nothing beside it. */
export function SharedTrace({ token, bodies, expiresAt, failed }: Props) {
  const source = useMemo(() => sharedSource(token), [token]);
  const { loaded, error, retry } = useTree(source);
  if (loaded === null && error !== null) return failed(error, retry);
  if (loaded === null) {
    return (
      <main className={classes.page} aria-busy>
        <div className={trace.header}>
          <Skeleton width={260} height={20} />
        </div>
      </main>
    );
  }
  return (
    <Linked value={false}>
      <main className={classes.page}>
        <Head loaded={loaded} bodies={bodies} expiresAt={expiresAt} />
        {bodies && <MediaStrip token={token} />}
        <TraceBody source={source} loaded={loaded} keyName={same} without={bodies ? EMPTY_TABS : BODILESS_TABS} unsearched={!bodies} />
      </main>
    </Linked>
  );
}
