import type { Price, Rate } from "@/api/types";
import { NONE, UNPRICED } from "@/lib/format";
import { stepsText, tokenRate, unitPrice, unitWord } from "./catalog";
import classes from "./models.module.css";

/** The amount, and where it changes with the prompt's length, also the last one. */
export function Amount({ rate, unit = false }: { rate: Rate; unit?: boolean }) {
  const last = rate.steps[rate.steps.length - 1];
  const title = [`${unitPrice(rate.usd)} ${unitWord(rate.per)}`, stepsText(rate)].filter((part) => part !== "").join("\n");
  return (
    <span title={title} className={classes.amount}>
      {unitPrice(rate.usd)}
      {last !== undefined && (
        <span className={classes.upTo}>
          <span aria-hidden> – </span>
          <span className="hidden-visually"> up to </span>
          {unitPrice(last.usd)}
        </span>
      )}
      {unit && <span className={classes.dim}> {unitWord(rate.per)}</span>}
    </span>
  );
}

/** One kind of token in a list of models; what is not priced in tokens stands where the input does. */
export function TokenPrice({ price, kind }: { price: Price; kind: string }) {
  if (price.status === "unpriced") return kind === "input" ? <span className={classes.unpriced}>{UNPRICED}</span> : <span className={classes.dim}>{NONE}</span>;
  if (price.status === "free") return <span className={classes.free}>free</span>;
  const rate = tokenRate(price.rates, kind);
  if (rate !== null) return <Amount rate={rate} />;
  const other = price.rates[0];
  return kind === "input" && other !== undefined && other.per !== "million_tokens" ? <Amount rate={other} unit /> : <span className={classes.dim}>{NONE}</span>;
}

/** Input and output of the batch tier. */
export function BatchPrice({ price }: { price: Price }) {
  const rates = price.service_tiers.find((tier) => tier.name === "batch")?.rates ?? [];
  const into = tokenRate(rates, "input");
  const out = tokenRate(rates, "output");
  if (into === null) return <span className={classes.dim}>{NONE}</span>;
  const title = [into, out]
    .filter((rate) => rate !== null)
    .map((rate) => `${rate.kind} ${unitPrice(rate.usd)} ${unitWord(rate.per)}${rate.steps.length > 0 ? `\n${stepsText(rate)}` : ""}`)
    .join("\n");
  return (
    <span title={title}>
      {unitPrice(into.usd)}
      {out !== null && (
        <>
          <span className={classes.dim}> / </span>
          {unitPrice(out.usd)}
        </>
      )}
    </span>
  );
}
