import type { ScoreDetail as Score } from "@/api/types";
import type { Tree } from "./tree";

export interface ScoreLine {
  id: string;
  name: string;
  value: string;
  /** Everything else that is known, one thing a line. */
  about: string;
  /** The span that it is of, when that is here. */
  spanId: string | undefined;
}

const PLACES = new Intl.NumberFormat("en", { maximumFractionDigits: 4 });

export function valueOf(score: Score): string {
  if (score.number === null) return score.text;
  if (score.type === "boolean") return score.number === 0 ? "false" : "true";
  return PLACES.format(score.number);
}

/** Scores as they are shown: those of the whole trace first, each kind by name. */
export function scoreLines(scores: readonly Score[], tree: Pick<Tree, "byId">): ScoreLine[] {
  const ordered = [...scores].sort((one, other) => Number(one.span_id !== "") - Number(other.span_id !== "") || one.name.localeCompare(other.name));
  return ordered.map((score) => {
    const span = tree.byId.get(score.span_id)?.span.name;
    const facts = [span === undefined ? "" : `of ${span}`, score.comment, score.author === "" ? `by ${score.source}` : `by ${score.author} (${score.source})`, score.at];
    return { id: score.id, name: score.name, value: valueOf(score), about: facts.filter((fact) => fact !== "").join("\n"), spanId: span === undefined ? undefined : score.span_id };
  });
}
