import type { ScoreDetail } from "@/api/types";
import { scoreLines } from "./scoreLines";
import type { Tree } from "./tree";
import classes from "./trace.module.css";

interface Props {
  scores: readonly ScoreDetail[];
  tree: Tree;
  onSpan: (spanId: string) => void;
}

/** What was thought of the trace and its spans; one of a span leads to it. */
export function Scores({ scores, tree, onSpan }: Props) {
  if (scores.length === 0) return null;
  return (
    <ul className={classes.scores} aria-label="Scores">
      {scoreLines(scores, tree).map(({ id, name, value, about, spanId }) => (
        <li key={id} title={about}>
          {spanId === undefined ? (
            <span>{name}</span>
          ) : (
            <button type="button" onClick={() => onSpan(spanId)}>
              {name}
            </button>
          )}
          <strong>{value}</strong>
        </li>
      ))}
    </ul>
  );
}
