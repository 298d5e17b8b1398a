import { Link } from "@tanstack/react-router";
import { useContext } from "react";
import { exactMoney, grouped, percent } from "@/lib/format";
import type { SpanDetail } from "@/api/types";
import { Badge, Fields } from "@/ui/parts";
import { Linked } from "../linked";
import { BUCKETS, total } from "../usage";
import classes from "./span.module.css";

const REASONS: Record<SpanDetail["cost_status"], string> = {
  priced: "",
  unpriced: "No price is known for this model.",
  inconsistent: "The usage that the provider sent contradicts itself, so it is not priced.",
  unmetered: "There is nothing to price: the call has no usage.",
};

/** Leads to what the model costs, and from there to how it gets a price. */
function PricedAs({ span }: { span: SpanDetail }) {
  const linked = useContext(Linked);
  const model = span.model_served || span.model_requested;
  const name = `${span.provider || "unknown provider"} / ${model || "unknown model"}`;
  if (model === "" || !linked) return name;
  return (
    <Link to={"/settings/models" as never} search={((before: Record<string, unknown>) => ({ project: before.project, text: model })) as never}>
      {name}
    </Link>
  );
}

export function CostTab({ span }: { span: SpanDetail }) {
  const { usage } = span;
  const used = BUCKETS.filter((bucket) => (usage?.[bucket.field] ?? 0) > 0);
  const all = total(usage, "in") + total(usage, "out");
  const most = Math.max(...used.map((bucket) => usage?.[bucket.field] ?? 0), 1);
  const reason = span.cost_detail || REASONS[span.cost_status];
  return (
    <div className={classes.tab}>
      <section>
        <h2>Tokens</h2>
        {used.length === 0 ? (
          <p className={classes.quiet}>The provider sent no usage for this span.</p>
        ) : (
          <table className={classes.buckets}>
            <tbody>
              {used.map((bucket) => {
                const value = usage?.[bucket.field] ?? 0;
                return (
                  <tr key={bucket.field}>
                    <th scope="row">{bucket.label}</th>
                    <td className={classes.bucketBar}>
                      <i style={{ width: `${(value / most) * 100}%`, background: bucket.colour }} />
                    </td>
                    <td className={classes.num}>{grouped(value)}</td>
                    <td className={classes.share}>{percent(value / all)}</td>
                  </tr>
                );
              })}
              <tr className={classes.totalRow}>
                <th scope="row">Together</th>
                <td />
                <td className={classes.num}>{grouped(all)}</td>
                <td />
              </tr>
            </tbody>
          </table>
        )}
        {usage?.inconsistent === true && <Badge tone="warn">The provider&apos;s figures contradict each other; they are shown as sent.</Badge>}
      </section>
      <section>
        <h2>Cost</h2>
        <Fields
          rows={[
            ["Amount", span.cost_usd === null ? <Badge key="u" tone={span.cost_status === "unmetered" ? "unknown" : "warn"}>{span.cost_status}</Badge> : <b key="a" className={classes.amount}>{exactMoney(span.cost_usd)}</b>],
            ...(reason === "" ? [] : [["Why", reason] as const]),
            ["Price data", span.price_version === "" ? "none used" : span.price_version],
            ["Priced as", <PricedAs key="as" span={span} />],
          ]}
        />
      </section>
    </div>
  );
}
