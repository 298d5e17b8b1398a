import { Button, Textarea } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { asApiError } from "@/api/client";
import { changeComment, createComment, type CommentPlace, type CommentView } from "@/api/comments";
import { sessionQuery } from "@/api/queries";
import { ErrorNote } from "@/ui/parts";
import classes from "./comments.module.css";

interface FieldProps {
  label: string;
  initial?: string;
  action: string;
  save: (text: string) => Promise<CommentView>;
  project: string;
  onDone?: () => void;
  onCancel?: () => void;
  /** Beside the button, such as where the comment shall stand. */
  children?: ReactNode;
}

/** A text that is sent by its button or by Ctrl-Enter; what was written stays until it is kept. */
function Field({ label, initial = "", action, save, project, onDone, onCancel, children }: FieldProps) {
  const [text, setText] = useState(initial);
  const client = useQueryClient();
  const send = useMutation({
    mutationFn: () => save(text.trim()),
    meta: { shownInForm: true },
    onSuccess: async () => {
      if (onDone === undefined) setText("");
      await client.invalidateQueries({ queryKey: ["comments", project] });
      onDone?.();
    },
  });
  const ready = text.trim() !== "" && !send.isPending;
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) send.mutate();
      }}
    >
      {send.isError && <ErrorNote failure={asApiError(send.error)} kept="What you wrote is still here." />}
      <Textarea
        aria-label={label}
        placeholder="Write a comment; Markdown works"
        autosize
        minRows={2}
        maxRows={12}
        value={text}
        autoFocus={initial !== ""}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            if (ready) send.mutate();
          } else if (event.key === "Escape") {
            event.stopPropagation();
            if (onCancel === undefined) event.currentTarget.blur();
            else onCancel();
          }
        }}
      />
      <div className={classes.actions}>
        {children}
        <span className={classes.grow} />
        {onCancel !== undefined && (
          <Button size="xs" variant="default" onClick={onCancel}>
            Cancel
          </Button>
        )}
        <Button size="xs" type="submit" loading={send.isPending} disabled={!ready} title="Ctrl-Enter">
          {action}
        </Button>
      </div>
    </form>
  );
}

export function CommentForm({ project, place, children }: { project: string; place: CommentPlace; children?: ReactNode }) {
  const { data: session } = useQuery(sessionQuery);
  if (session?.person?.role === "viewer") return <p className={classes.none}>Your role reads only; ask for the role reviewer to comment.</p>;
  return (
    <Field label="New comment" action="Comment" project={project} save={(text) => createComment(project, place, text)}>
      {children}
    </Field>
  );
}

export function EditForm({ project, comment, onDone }: { project: string; comment: CommentView; onDone: () => void }) {
  return <Field label="Text of the comment" initial={comment.text} action="Save" project={project} save={(text) => changeComment(project, comment.id, { text })} onDone={onDone} onCancel={onDone} />;
}
