import { useMemo } from "react";
import type { SpanDetail } from "@/api/types";
import { grouped, significant } from "@/lib/format";
import classes from "./conversation.module.css";
import { readEmbeddings } from "./conversation";
import { Conversation } from "./Conversation";

const SHOWN = 200;

/** The values of a vector as colours: what is negative towards one end, what is positive towards the other. */
function Strip({ values }: { values: readonly number[] }) {
  const top = Math.max(...values.map(Math.abs), 1e-9);
  return (
    <span className={classes.strip} aria-hidden>
      {values.map((value, index) => (
        <i key={index} style={{ background: value < 0 ? "var(--series-1)" : "var(--series-0)", opacity: 0.1 + 0.9 * (Math.abs(value) / top) }} />
      ))}
    </span>
  );
}

/** Inputs with the size and the look of their vectors; never the numbers one after the other. */
export function EmbeddingView({ span }: { span: SpanDetail }) {
  const read = useMemo(() => readEmbeddings(span.input, span.output), [span.input, span.output]);
  if (read === null) return <Conversation span={span} />;
  const sizes = [...new Set(read.vectors.map((vector) => vector.size))];
  return (
    <div className={classes.conversation}>
      <p className={classes.nothing}>
        {grouped(read.inputs.length)} {read.inputs.length === 1 ? "input" : "inputs"}
        {sizes.length > 0 && `, ${sizes.map((size) => grouped(size)).join(" and ")} dimensions`}
      </p>
      <table className={classes.vectors}>
        <thead>
          <tr>
            <th>#</th>
            <th>Input</th>
            <th>Vector</th>
          </tr>
        </thead>
        <tbody>
          {read.inputs.slice(0, SHOWN).map((input, index) => {
            const vector = read.vectors[index];
            return (
              <tr key={index}>
                <td className={classes.head}>{index}</td>
                <td>{input}</td>
                <td>
                  {vector === undefined || vector.size === 0 ? (
                    <span className={classes.nothing}>not recorded</span>
                  ) : (
                    <>
                      <Strip values={vector.strip} />
                      <code className={classes.head}>
                        {vector.head.map((value) => significant(value)).join(", ")}, … {vector.norm !== null && `norm ${significant(vector.norm)}`}
                      </code>
                    </>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {read.inputs.length > SHOWN && <p className={classes.nothing}>{grouped(read.inputs.length - SHOWN)} more under Raw.</p>}
    </div>
  );
}
