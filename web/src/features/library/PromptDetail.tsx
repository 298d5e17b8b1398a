import { Button, Select, TextInput } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { asApiError } from "@/api/client";
import { moveLabel, promptQuery, promptVersionsQuery, type PromptVersionView } from "@/api/library";
import { Comments } from "@/features/comments";
import { ago, exactTime } from "@/lib/format";
import { useNow } from "@/lib/now";
import { JsonTree } from "@/ui/json/JsonTree";
import { CopyButton, ErrorNote, ErrorState, Skeleton, Tag } from "@/ui/parts";
import classes from "./library.module.css";
import { asText, difference, plain } from "./words";

const LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?$/;

function Difference({ before, after }: { before: PromptVersionView; after: PromptVersionView }) {
  const pieces = difference(asText(before.content), asText(after.content));
  return (
    <pre className={classes.text} aria-label={`What is new in version ${after.number} since ${before.number}`}>
      {pieces.map((piece, place) =>
        piece.kind === "same" ? (
          <span key={place}>{piece.text}</span>
        ) : piece.kind === "added" ? (
          <ins key={place} className={classes.added}>
            {piece.text}
          </ins>
        ) : (
          <del key={place} className={classes.removed}>
            {piece.text}
          </del>
        ),
      )}
    </pre>
  );
}

function Content({ version }: { version: PromptVersionView }) {
  if (typeof version.content === "string") return <pre className={classes.text}>{version.content}</pre>;
  return (
    <ol className={classes.messages}>
      {version.content.map((message, place) => (
        <li key={place} className={classes.message}>
          <div className={classes.role}>{message.type === "placeholder" ? "placeholder" : plain(message.role)}</div>
          <pre className={classes.text}>{message.type === "placeholder" ? `messages of “${plain(message.name)}” go here` : plain(message.content)}</pre>
        </li>
      ))}
    </ol>
  );
}

function LabelForm({ project, id, number }: { project: string; id: string; number: number }) {
  const client = useQueryClient();
  const [label, setLabel] = useState("");
  const move = useMutation({
    mutationFn: () => moveLabel(project, id, label, number),
    onSuccess: async () => {
      setLabel("");
      await Promise.all([client.invalidateQueries({ queryKey: ["prompt", project, id] }), client.invalidateQueries({ queryKey: ["prompts", project] })]);
    },
  });
  return (
    <form
      className={classes.labelForm}
      onSubmit={(event) => {
        event.preventDefault();
        move.mutate();
      }}
    >
      <TextInput size="xs" aria-label="Label" placeholder="production" value={label} onChange={(event) => setLabel(event.currentTarget.value)} />
      <Button size="xs" type="submit" variant="default" disabled={!LABEL.test(label) || label === "latest"} loading={move.isPending}>
        Move label to v{number}
      </Button>
      {move.isError && <ErrorNote failure={asApiError(move.error)} />}
    </form>
  );
}

/** One prompt: its versions, what one of them says, and what is new in it. */
export function PromptDetail({ project, id }: { project: string; id: string }) {
  const navigate = useNavigate();
  const now = useNow(30_000);
  const search: Record<string, unknown> = useSearch({ strict: false });
  const prompt = useQuery(promptQuery(project, id));
  const query = useInfiniteQuery(promptVersionsQuery(project, id));
  const versions = query.data?.pages.flatMap((page) => page.items) ?? [];
  if (query.isError) return <ErrorState failure={asApiError(query.error)} onRetry={() => void query.refetch()} />;
  const shown = versions.find((version) => String(version.number) === String(search.version)) ?? versions[0];
  if (prompt.data === undefined || query.isPending) return <Skeleton height={240} />;
  const against = versions.find((version) => String(version.number) === String(search.against));
  const choose = (more: Record<string, unknown>) => void navigate({ to: ".", replace: true, search: ((before: Record<string, unknown>) => ({ ...before, ...more })) as never });
  return (
    <>
      <header className={classes.head}>
        <h2>{prompt.data.name}</h2>
        {prompt.data.tags.map((tag) => (
          <Tag key={tag}>{tag}</Tag>
        ))}
        {prompt.data.description !== "" && <p>{prompt.data.description}</p>}
      </header>
      {shown === undefined ? (
        <p className={classes.nothing}>This prompt has no version yet.</p>
      ) : (
        <div className={classes.columns}>
          <section className={classes.version} aria-label={`Version ${shown.number}`}>
            <div className={classes.bar}>
              <strong>v{shown.number}</strong>
              {shown.labels.map((label) => (
                <Tag key={label}>{label}</Tag>
              ))}
              <span className={classes.grow} />
              <Select
                size="xs"
                aria-label="Compare with"
                placeholder="Compare with"
                clearable
                data={versions.filter((version) => version !== shown).map((version) => ({ value: String(version.number), label: `v${version.number}` }))}
                value={against === undefined ? null : String(against.number)}
                onChange={(value) => choose({ against: value === null ? undefined : Number(value) })}
              />
              <CopyButton text={asText(shown.content)} label="Copy the prompt" />
            </div>
            {shown.message !== "" && <p className={classes.said}>{shown.message}</p>}
            {against === undefined ? <Content version={shown} /> : <Difference before={against} after={shown} />}
            {shown.variables.length > 0 && (
              <p className={classes.variables}>
                Variables{" "}
                {shown.variables.map((name) => (
                  <Tag key={name} mono>
                    {name}
                  </Tag>
                ))}
              </p>
            )}
            {shown.config !== null && shown.config !== undefined && <JsonTree title="Config" text={JSON.stringify(shown.config)} />}
            <LabelForm project={project} id={id} number={shown.number} />
            <Comments key={shown.number} project={project} place={{ on: "prompt", subject_id: shown.prompt_id, part_id: String(shown.number) }} />
          </section>
          <ol className={classes.versions} aria-label="Versions">
            {versions.map((version) => (
              <li key={version.number}>
                <button type="button" className={classes.versionRow} aria-pressed={version === shown} onClick={() => choose({ version: version.number, against: undefined })}>
                  <span className={classes.bar}>
                    <strong>v{version.number}</strong>
                    {version.labels.map((label) => (
                      <Tag key={label}>{label}</Tag>
                    ))}
                  </span>
                  <span className={classes.bookNote} title={exactTime(new Date(version.created_at))}>
                    {ago(new Date(version.created_at), new Date(now))}
                    {version.message !== "" && ` · ${version.message}`}
                  </span>
                </button>
              </li>
            ))}
            {query.hasNextPage && (
              <Button variant="subtle" size="xs" onClick={() => void query.fetchNextPage()}>
                Show older ones
              </Button>
            )}
          </ol>
        </div>
      )}
    </>
  );
}
