import type { AttemptDetail, SpanDetail } from "@/api/types";
import { colourOf } from "@/lib/colour";
import { bytes, duration, exactDuration, exactTime, grouped, NONE, rate } from "@/lib/format";
import { Badge, ColourName, Fields } from "@/ui/parts";
import classes from "./span.module.css";

const time = (ms: number | null) => <span title={exactDuration(ms)}>{duration(ms)}</span>;

function Attempt({ attempt, number, totalMs }: { attempt: AttemptDetail; number: number; totalMs: number }) {
  const failed = (attempt.error_code ?? "") !== "";
  const share = (ms: number) => `${totalMs === 0 ? 0 : (ms / totalMs) * 100}%`;
  const firstByte = attempt.first_byte_ms;
  return (
    <li className={classes.attempt}>
      <div className={classes.attemptHead}>
        <span className={classes.attemptNumber}>{number}</span>
        <ColourName colour={colourOf(attempt.model)}>
          {attempt.account} / {attempt.model}
        </ColourName>
        <span className={classes.spread} />
        {failed ? <Badge tone="error">{attempt.error_code}</Badge> : <Badge tone="ok">{attempt.status === 0 ? "answered" : `HTTP ${attempt.status}`}</Badge>}
      </div>
      <div className={classes.attemptTrack} title={`${exactDuration(attempt.start_ms)} to ${exactDuration(attempt.end_ms)} after the start`}>
        <i data-failed={failed || undefined} style={{ left: share(attempt.start_ms), width: `max(3px, ${share(attempt.end_ms - attempt.start_ms)})` }} />
      </div>
      <div className={classes.attemptMeta}>
        <span>
          first byte {firstByte === null ? NONE : time(firstByte - attempt.start_ms)}, took {time(attempt.end_ms - attempt.start_ms)}
        </span>
        {failed && attempt.status > 0 && <span>HTTP {attempt.status}</span>}
        {(attempt.upstream_request_id ?? "") !== "" && (
          <span>
            upstream request <code>{attempt.upstream_request_id}</code>
          </span>
        )}
      </div>
      {(attempt.error_detail ?? "") !== "" && <p className={classes.attemptError}>{attempt.error_detail}</p>}
    </li>
  );
}

export function TimingTab({ span }: { span: SpanDetail }) {
  const startedAt = new Date(span.started_at);
  return (
    <div className={classes.tab}>
      <section>
        <h2>Timing</h2>
        <Fields
          rows={[
            ["Started", <time key="t" dateTime={span.started_at} title={exactTime(startedAt)}>{startedAt.toLocaleString()}</time>],
            ["Duration", time(span.duration_ms)],
            ["Time to first token", time(span.ttft_ms)],
            ["Output speed", <span key="s" title={grouped(span.tokens_per_s)}>{rate(span.tokens_per_s)}</span>],
            ["Time in the gateway itself", time(span.overhead_ms)],
            ["Streamed", span.streamed ? "yes" : "no"],
            ["Size", `${bytes(span.input_size_bytes)} in, ${bytes(span.output_size_bytes)} out`],
          ]}
        />
      </section>
      {span.attempts.length > 0 && (
        <section>
          <h2>
            {span.attempts.length} {span.attempts.length === 1 ? "attempt" : "attempts"} upstream
          </h2>
          <ol className={classes.attempts}>
            {span.attempts.map((attempt, index) => (
              <Attempt key={index} attempt={attempt} number={index + 1} totalMs={span.duration_ms} />
            ))}
          </ol>
        </section>
      )}
    </div>
  );
}
