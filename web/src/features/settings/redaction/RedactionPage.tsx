import { Button, Textarea } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { asApiError } from "@/api/client";
import { putRedaction, redactionQuery, triedQuery, type Policy, type RedactionView } from "@/api/redaction";
import { useProject } from "@/api/useProject";
import { ago, exactTime } from "@/lib/format";
import { ErrorNote, ErrorState, Panel, Skeleton } from "@/ui/parts";
import { toast } from "@/ui/toast";
import classes from "../settings.module.css";
import { draftOf, foundIn, policyOf, samePolicy } from "./draft";
import styles from "./redaction.module.css";
import { Detectors, Fields, Parts, Patterns } from "./Rules";

const PAUSE_MS = 250;

function Try({ project, policy, sample }: { project: string; policy: Policy; sample: string }) {
  const [text, setText] = useState(sample);
  const [asked] = useDebouncedValue({ text, policy }, PAUSE_MS);
  const tried = useQuery({ ...triedQuery(project, asked.text, asked.policy), enabled: asked.text !== "" });
  return (
    <Panel className={styles.try}>
      <div className={styles.group}>
        <h2>Try it</h2>
        <Textarea label="Sample" description="Tried with the rules as they stand here, saved or not. Nothing of it is kept." autosize minRows={4} maxRows={10} value={text} onChange={(event) => setText(event.currentTarget.value)} />
        <div aria-live="polite">
          {text === "" ? (
            <span className={classes.dim}>Type something that must not be written down.</span>
          ) : tried.isError ? (
            <ErrorNote failure={asApiError(tried.error)} />
          ) : tried.data === undefined ? (
            <Skeleton height={60} />
          ) : (
            <>
              <span className={classes.dim}>What is written</span>
              <pre className={styles.result} data-testid="redaction-result">
                {tried.data.text}
              </pre>
              <span className={classes.dim}>{foundIn(tried.data.hits) || "Nothing was found."}</span>
            </>
          )}
        </div>
      </div>
    </Panel>
  );
}

function Editor({ project, kept }: { project: string; kept: RedactionView }) {
  const [draft, setDraft] = useState(() => draftOf(kept.policy));
  const client = useQueryClient();
  const policy = policyOf(draft, kept.detectors);
  const save = useMutation({
    mutationFn: () => putRedaction(project, kept.version, policy),
    meta: { shownInForm: true },
    onSuccess: (now) => {
      client.setQueryData(redactionQuery(project).queryKey, now);
      toast("ok", "Redaction saved; in force for what arrives from now on");
    },
  });
  const failure = save.isError ? asApiError(save.error) : null;
  const rules = { draft, failure, onChange: setDraft };
  return (
    <div className={styles.columns}>
      <form
        className={styles.rules}
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        {failure !== null && <ErrorNote failure={failure} />}
        <Detectors {...rules} detectors={kept.detectors} />
        <Fields {...rules} />
        <Patterns {...rules} />
        <Parts {...rules} />
        <div className={styles.foot}>
          <span className={classes.dim} title={kept.changed_at === null ? undefined : exactTime(new Date(kept.changed_at))}>
            {kept.changed_at === null ? "Nothing is redacted yet." : `Version ${String(kept.version)}, changed ${ago(new Date(kept.changed_at), new Date())}`}
          </span>
          <Button type="submit" loading={save.isPending} disabled={samePolicy(policy, kept.policy, kept.detectors)}>
            Save
          </Button>
        </div>
      </form>
      <Try project={project} policy={policy} sample={kept.detectors.map((one) => one.sample).join("\n")} />
    </div>
  );
}

export function RedactionPage() {
  const project = useProject();
  const id = project?.id ?? "";
  const kept = useQuery({ ...redactionQuery(id), enabled: project !== undefined });
  return (
    <section aria-labelledby="redaction-title">
      <header className={classes.sectionHead}>
        <div>
          <h1 id="redaction-title">Redaction</h1>
          <p>What this project does not write down: it is taken out before anything is stored. It works forward only; what was written before stays as it is.</p>
        </div>
      </header>
      {kept.isError && kept.data === undefined ? (
        <ErrorState failure={asApiError(kept.error)} onRetry={() => void kept.refetch()} />
      ) : kept.data === undefined ? (
        <Skeleton height={320} />
      ) : (
        <Editor key={`${id} ${String(kept.data.version)}`} project={id} kept={kept.data} />
      )}
    </section>
  );
}
