import { SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { asApiError } from "@/api/client";
import { commentsQuery, IN_TRACE, type CommentView } from "@/api/comments";
import { ErrorNote } from "@/ui/parts";
import classes from "./comments.module.css";
import { CommentForm } from "./CommentForm";
import { CommentItem } from "./CommentItem";

/** The comments of a trace and its spans, kept up to date. */
export function useTraceComments(project: string, traceId: string): { items: readonly CommentView[]; error: Error | null } {
  const query = useQuery(commentsQuery(project, IN_TRACE, traceId));
  return { items: query.data ?? [], error: query.error };
}

interface Props {
  project: string;
  traceId: string;
  /** The span that is looked at. */
  spanId: string;
  comments: ReturnType<typeof useTraceComments>;
  nameOf: (spanId: string) => string | undefined;
  onSpan: (spanId: string) => void;
}

/** What people wrote beside a trace and its spans, in the order of writing, wherever in it the reader is. */
export function TraceComments({ project, traceId, spanId, comments, nameOf, onSpan }: Props) {
  const [where, setWhere] = useState<"span" | "trace">("span");
  const place = { on: where, subject_id: traceId, part_id: where === "span" ? spanId : "" };
  return (
    <section className={classes.comments} aria-label="Comments">
      {comments.error !== null && <ErrorNote failure={asApiError(comments.error)} />}
      {comments.items.length === 0 && <p className={classes.none}>Nobody has written anything here yet.</p>}
      <ol className={classes.list}>
        {comments.items.map((comment) => (
          <CommentItem key={comment.id} project={project} comment={comment}>
            {comment.on === "trace" ? (
              <span>on the trace</span>
            ) : comment.part_id === spanId ? (
              <span>on this span</span>
            ) : (
              <button type="button" className={classes.place} onClick={() => onSpan(comment.part_id)}>
                on {nameOf(comment.part_id) ?? "another span"}
              </button>
            )}
          </CommentItem>
        ))}
      </ol>
      <CommentForm project={project} place={place}>
        <SegmentedControl
          size="xs"
          aria-label="Where the comment stands"
          value={where}
          onChange={(value) => setWhere(value === "trace" ? "trace" : "span")}
          data={[
            { value: "span", label: "On this span" },
            { value: "trace", label: "On the trace" },
          ]}
        />
      </CommentForm>
    </section>
  );
}
