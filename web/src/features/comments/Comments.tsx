import { useQuery } from "@tanstack/react-query";
import { asApiError } from "@/api/client";
import { commentsQuery, type CommentPlace } from "@/api/comments";
import { ErrorNote, Skeleton } from "@/ui/parts";
import classes from "./comments.module.css";
import { CommentForm } from "./CommentForm";
import { CommentItem } from "./CommentItem";

/** The comments beside one thing, and a field for one more. */
export function Comments({ project, place }: { project: string; place: CommentPlace }) {
  const query = useQuery(commentsQuery(project, [place.on], place.subject_id, place.part_id));
  const items = query.data ?? [];
  return (
    <section className={classes.comments} aria-label="Comments">
      <h3 className={classes.title}>Comments{items.length > 0 && ` ${items.length}`}</h3>
      {query.isError && <ErrorNote failure={asApiError(query.error)} />}
      {query.isPending && <Skeleton height={40} />}
      <ol className={classes.list}>
        {items.map((comment) => (
          <CommentItem key={comment.id} project={project} comment={comment} />
        ))}
      </ol>
      <CommentForm project={project} place={place} />
    </section>
  );
}
