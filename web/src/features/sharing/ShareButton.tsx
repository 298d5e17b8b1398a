import { Button, Radio, Select } from "@mantine/core";
import { IconShare2 } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { asApiError } from "@/api/client";
import { createShare, sharesQuery, sharingQuery, type ShareCreated } from "@/api/shares";
import { sessionQuery } from "@/api/queries";
import { absolute } from "@/lib/base";
import { ago, exactTime } from "@/lib/format";
import { Dialog } from "@/ui/Dialog";
import { Actions, ErrorNote, ShownOnce } from "@/ui/parts";
import classes from "./sharing.module.css";

const LASTS = [
  { value: "1", label: "1 day" },
  { value: "7", label: "7 days" },
  { value: "30", label: "30 days" },
  { value: "90", label: "90 days" },
  { value: "365", label: "A year" },
];

/** Who may take something out of the house. */
const SHARERS: readonly (string | undefined)[] = ["owner", "admin", "editor"];

interface Props {
  project: string;
  traceId: string;
  /** When the trace began. */
  at: string;
}

function ShareForm({ project, traceId, at, onMade, onCancel }: Props & { onMade: (made: ShareCreated) => void; onCancel: () => void }) {
  const [bodies, setBodies] = useState("without");
  const [days, setDays] = useState("7");
  const client = useQueryClient();
  const policy = useQuery(sharingQuery(project));
  const save = useMutation({
    mutationFn: () => createShare(project, { trace_id: traceId, at, bodies: bodies === "with", expires_days: Number(days) }),
    meta: { shownInForm: true },
    onSuccess: async (made) => {
      onMade(made);
      await client.invalidateQueries({ queryKey: sharesQuery(project).queryKey });
    },
  });
  if (policy.data?.allowed === false) {
    return (
      <div className={classes.form}>
        <p className={classes.lead}>
          This project allows no share links. Its admins can change that in{" "}
          <Link to={"/settings/shares" as never} onClick={onCancel}>
            Settings › Share links
          </Link>
          . To somebody with an account, send <i>Copy link</i>.
        </p>
      </div>
    );
  }
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {save.isError && <ErrorNote failure={asApiError(save.error)} />}
      <p className={classes.lead}>Whoever has the link can read this one trace, without an account. It never shows for whom or with which key it was made.</p>
      <Radio.Group label="It shows" value={bodies} onChange={setBodies}>
        <div className={classes.choices}>
          <Radio value="without" label="Only structure" description="What happened when, how it ended, tokens and cost" />
          <Radio value="with" label="With inputs and outputs" description="Every prompt and answer in it, as recorded" />
        </div>
      </Radio.Group>
      <Select label="It ends after" data={LASTS} value={days} allowDeselect={false} onChange={(value) => setDays(value ?? "7")} />
      <Actions>
        <Button variant="default" onClick={onCancel}>
          Cancel
        </Button>
        <Button type="submit" loading={save.isPending}>
          Create link
        </Button>
      </Actions>
    </form>
  );
}

function Made({ made, onDone }: { made: ShareCreated; onDone: () => void }) {
  const ends = new Date(made.share.expires_at);
  return (
    <div className={classes.form}>
      <p className={classes.lead}>
        Copy the link now. It is shown this once; only a hash of it is kept. It ends on <time title={exactTime(ends)}>{ago(ends, new Date())}</time>, or when you{" "}
        <Link to={"/settings/shares" as never} onClick={onDone}>
          revoke it
        </Link>
        .
      </p>
      <ShownOnce text={absolute(made.path)} label="Copy share link" />
      <Actions>
        <Button onClick={onDone}>Done</Button>
      </Actions>
    </div>
  );
}

/** Makes a link to a trace for somebody without an account. */
export function ShareButton(props: Props) {
  const { data: session } = useQuery(sessionQuery);
  const [opened, setOpened] = useState(false);
  const [made, setMade] = useState<ShareCreated | null>(null);
  const close = () => {
    setOpened(false);
    setMade(null);
  };
  if (!SHARERS.includes(session?.person?.role)) return null;
  return (
    <>
      <Button variant="default" aria-label="Share" leftSection={<IconShare2 size={14} />} onClick={() => setOpened(true)}>
        <span className={classes.buttonText}>Share</span>
      </Button>
      <Dialog opened={opened} onClose={close} title={made === null ? "Share this trace" : "The link"} size={480} firm={made !== null}>
        {made === null ? <ShareForm {...props} onMade={setMade} onCancel={close} /> : <Made made={made} onDone={close} />}
      </Dialog>
    </>
  );
}
