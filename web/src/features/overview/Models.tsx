import { Link } from "@tanstack/react-router";
import type { CallStats, Overview } from "@/api/types";
import { approximate } from "@/lib/decimal";
import { colourOf } from "@/lib/colour";
import { count, duration, exactDuration, exactMoney, grouped, money, NONE, percent, rate, UNPRICED } from "@/lib/format";
import { ColourName, Panel, PanelHead } from "@/ui/parts";
import { Sparkline } from "@/ui/Sparkline";
import classes from "./overview.module.css";
import { shared } from "./Tiles";

function cost(stats: CallStats): string {
  const amount = approximate(stats.cost_usd);
  if (amount > 0) return money(stats.cost_usd);
  if (stats.unpriced > 0) return UNPRICED;
  return stats.input_tokens + stats.output_tokens > 0 ? money(stats.cost_usd) : NONE;
}

/** A figure with its share of the largest as a bar behind it. */
function Bar({ value, most, colour, text, title }: { value: number; most: number; colour: string; text: string; title: string }) {
  return (
    <td className={classes.num} title={title}>
      <span className={classes.barCell}>
        <span className={classes.track}>
          <i style={{ width: `${most === 0 ? 0 : Math.max((value / most) * 100, value > 0 ? 2 : 0)}%`, background: colour }} />
        </span>
        <span className={classes.barText}>{text}</span>
      </span>
    </td>
  );
}

export function Models({ overview }: { overview: Overview }) {
  const most = (pick: (stats: CallStats) => number) => Math.max(...overview.models.map((model) => pick(model.stats)), 0);
  const tokens = (stats: CallStats) => stats.input_tokens + stats.output_tokens;
  const top = { requests: most((s) => s.requests), tokens: most(tokens), cost: most((s) => approximate(s.cost_usd)) };
  return (
    <Panel label="Models">
      <PanelHead title="Models" note={overview.models.length === 20 ? "the 20 with most requests" : `${overview.models.length} in this range`} />
      <div className={classes.tableScroll}>
        <table className={classes.models}>
          <thead>
            <tr>
              <th scope="col">Model</th>
              <th scope="col" className={classes.trendHead}>
                Requests over time
              </th>
              <th scope="col" className={classes.num}>
                Requests
              </th>
              <th scope="col" className={classes.num}>
                Errors
              </th>
              <th scope="col" className={classes.num}>
                p50
              </th>
              <th scope="col" className={classes.num}>
                p95
              </th>
              <th scope="col" className={classes.num}>
                TTFT p50
              </th>
              <th scope="col" className={classes.num}>
                Speed
              </th>
              <th scope="col" className={classes.num}>
                Tokens
              </th>
              <th scope="col" className={classes.num}>
                Cost
              </th>
            </tr>
          </thead>
          <tbody>
            {overview.models.map(({ model, stats, requests_series: series }) => {
              const colour = colourOf(model);
              const failed = stats.requests === 0 ? null : stats.errors / stats.requests;
              return (
                <tr key={model}>
                  <th scope="row">
                    <Link to="/traces" search={((before: Record<string, unknown>) => ({ ...shared(before), model: [model] })) as never} className={classes.modelLink}>
                      <ColourName colour={colour} title={model}>
                        {model === "" ? "no model named" : model}
                      </ColourName>
                    </Link>
                  </th>
                  <td className={classes.trend}>
                    <Sparkline values={series} colour={colour} height={20} bars />
                  </td>
                  <Bar value={stats.requests} most={top.requests} colour={colour} text={count(stats.requests)} title={grouped(stats.requests)} />
                  <td className={classes.num} data-bad={(failed ?? 0) >= 0.05 || undefined} title={`${grouped(stats.errors)} of ${grouped(stats.requests)}`}>
                    {percent(failed)}
                  </td>
                  <td className={classes.num} title={exactDuration(stats.latency_ms.p50)}>
                    {duration(stats.latency_ms.p50)}
                  </td>
                  <td className={classes.num} title={exactDuration(stats.latency_ms.p95)}>
                    {duration(stats.latency_ms.p95)}
                  </td>
                  <td className={classes.num} title={exactDuration(stats.ttft_ms.p50)}>
                    {duration(stats.ttft_ms.p50)}
                  </td>
                  <td className={classes.num}>{rate(stats.tokens_per_s)}</td>
                  <Bar value={tokens(stats)} most={top.tokens} colour={colour} text={count(tokens(stats))} title={`${grouped(stats.input_tokens)} in, ${grouped(stats.output_tokens)} out`} />
                  <Bar
                    value={approximate(stats.cost_usd)}
                    most={top.cost}
                    colour={colour}
                    text={cost(stats)}
                    title={`${exactMoney(stats.cost_usd)}${stats.unpriced > 0 ? `; ${grouped(stats.unpriced)} calls unpriced` : ""}`}
                  />
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
