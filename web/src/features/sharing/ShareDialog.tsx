import { Button, Select } from "@mantine/core";
import { IconShare2 } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { asApiError } from "@/api/client";
import { createShare, sharesQuery, sharingQuery, type ShareCreated, type ShareDraft } from "@/api/shares";
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

/** What is chosen beside how long a link lasts. */
export type Chosen = ShareDraft extends infer Draft ? (Draft extends ShareDraft ? Omit<Draft, "expires_days"> : never) : never;

interface FormProps {
  project: string;
  lead: string;
  /** What the link leads to, as chosen in the fields. */
  chosen: Chosen;
  /** Why no link can be made of it; empty when one can. */
  hindered?: string;
  children: ReactNode;
}

function ShareForm({ project, lead, chosen, hindered = "", children, onMade, onCancel }: FormProps & { onMade: (made: ShareCreated) => void; onCancel: () => void }) {
  const [days, setDays] = useState("7");
  const client = useQueryClient();
  const policy = useQuery(sharingQuery(project));
  const save = useMutation({
    mutationFn: () => createShare(project, { ...chosen, expires_days: Number(days) }),
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
          . To somebody with an account, send the address of this page.
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
      <p className={classes.lead}>{lead}</p>
      {children}
      <Select label="It ends after" data={LASTS} value={days} allowDeselect={false} onChange={(value) => setDays(value ?? "7")} />
      {hindered !== "" && <p className={classes.lead}>{hindered}</p>}
      <Actions>
        <Button variant="default" onClick={onCancel}>
          Cancel
        </Button>
        <Button type="submit" loading={save.isPending} disabled={hindered !== ""}>
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

/** A button that makes a link for somebody without an account, for whoever may. */
export function ShareDialog({ title, ...form }: FormProps & { title: string }) {
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
      <Dialog opened={opened} onClose={close} title={made === null ? title : "The link"} size={480} firm={made !== null}>
        {made === null ? <ShareForm {...form} onMade={setMade} onCancel={close} /> : <Made made={made} onDone={close} />}
      </Dialog>
    </>
  );
}
