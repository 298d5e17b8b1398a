import type { Price, Rate } from "@/api/types";
import { NONE } from "@/lib/format";
import { contextText, kindWord, tierColumns, tokenRate, unitPrice, unitWord } from "./catalog";
import classes from "./models.module.css";

/** The rate of a column for a row: by kind and unit, tokens also by the rule for those without a rate of their own. */
function rateOf(rates: readonly Rate[], { kind, per }: Pick<Rate, "kind" | "per">): Rate | null {
  return per === "million_tokens" ? tokenRate(rates, kind) : (rates.find((rate) => rate.kind === kind && rate.per === per) ?? null);
}

/** What counts once a prompt is longer than `above` tokens. */
function amountAbove(rate: Rate, above: number): string {
  const reached = rate.steps.filter((step) => step.above_tokens <= above);
  return reached[reached.length - 1]?.usd ?? rate.usd;
}

function Money({ usd, than }: { usd: string | null; than?: string | null }) {
  if (usd === null) return <span className={classes.dim}>{NONE}</span>;
  return <span className={usd === than ? classes.dim : undefined}>{unitPrice(usd)}</span>;
}

/** Kinds down, service tiers across; a kind whose price depends on the prompt's length has a line for each step. */
export function PriceMatrix({ price }: { price: Price }) {
  const columns = tierColumns(price);
  const kinds: Rate[] = [];
  for (const rate of columns.flatMap((column) => column.rates)) {
    if (!kinds.some((each) => each.kind === rate.kind && each.per === rate.per)) kinds.push(rate);
  }
  const rows = kinds.flatMap((kind) => {
    const rates = columns.map((column) => rateOf(column.rates, kind));
    const steps = [...new Set(rates.flatMap((rate) => rate?.steps.map((step) => step.above_tokens) ?? []))].sort((a, b) => a - b);
    const base = { id: `${kind.kind} ${kind.per}`, label: kindWord(kind.kind), note: kind.per === "million_tokens" ? "" : unitWord(kind.per), amounts: rates.map((rate) => rate?.usd ?? null), before: [] as (string | null)[] };
    const above = steps.map((step, index) => ({
      id: `${kind.kind} ${kind.per} ${step}`,
      label: "",
      note: `above ${contextText(step) ?? ""} tokens in`,
      amounts: rates.map((rate) => (rate === null ? null : amountAbove(rate, step))),
      before: rates.map((rate) => (rate === null ? null : index === 0 ? rate.usd : amountAbove(rate, steps[index - 1] ?? 0))),
    }));
    return [base, ...above];
  });
  return (
    <div className={classes.matrixWrap} tabIndex={0} role="region" aria-label="Prices by kind and service tier">
      <table className={classes.matrix}>
        <caption className="hidden-visually">US dollars per million tokens unless said otherwise</caption>
        <thead>
          <tr>
            <th scope="col">$ per 1M tokens</th>
            {columns.map((column) => (
              <th key={column.name} scope="col">
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id} data-step={row.label === "" || undefined}>
              <th scope="row">
                {row.label} {row.note !== "" && <span className={classes.dim}>{row.note}</span>}
              </th>
              {columns.map((column, index) => (
                <td key={column.name}>
                  <Money usd={row.amounts[index] ?? null} than={row.before[index] ?? null} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
