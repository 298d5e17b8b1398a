import { IconMessage } from "@tabler/icons-react";
import classes from "./comments.module.css";

/** How many comments something in a list has; nothing when it has none. */
export function CommentCount({ count }: { count: number }) {
  if (count === 0) return null;
  const words = `${count} ${count === 1 ? "comment" : "comments"}`;
  return (
    <span className={classes.count} title={words}>
      <IconMessage size={12} aria-hidden />
      <span aria-hidden>{count}</span>
      <span className="hidden-visually">{words}</span>
    </span>
  );
}
