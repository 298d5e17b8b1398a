import { Button } from "@mantine/core";
import { IconListTree, IconMessages } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { asApiError } from "@/api/client";
import { userQuery, type Span } from "@/api/queries";
import type { UserDetail } from "@/api/types";
import { colourOf } from "@/lib/colour";
import { approximate } from "@/lib/decimal";
import { duration, grouped, money, tidy } from "@/lib/format";
import { ColourName, CopyButton, EmptyState, ErrorNote, Fields, Skeleton } from "@/ui/parts";
import { SidePanel } from "@/ui/SidePanel";
import { Sparkline } from "@/ui/Sparkline";
import classes from "./activity.module.css";
import { DeleteUser } from "./DeleteUser";
import { Cost, Failures, Tokens, When } from "./figures";
import { alone } from "./useActivity";

function Course({ title, most, values, colour, step }: { title: string; most: string; values: readonly number[]; colour: string; step: string }) {
  return (
    <figure className={classes.course}>
      <figcaption>
        <span>
          {title} per {step}
        </span>
        <span>at most {most}</span>
      </figcaption>
      <Sparkline values={values} height={48} colour={colour} bars />
    </figure>
  );
}

function Courses({ detail }: { detail: UserDetail }) {
  const step = tidy(duration(detail.step_s * 1000));
  const traces = detail.series.map((point) => point.trace_count);
  const costs = detail.series.map((point) => approximate(point.cost_usd));
  const dearest = detail.series.reduce((top, point) => (approximate(point.cost_usd) > approximate(top) ? point.cost_usd : top), "0");
  return (
    <>
      <Course title="Traces" step={step} most={grouped(Math.max(...traces, 0))} values={traces} colour="var(--accent)" />
      {detail.user.cost_usd !== null && <Course title="Cost" step={step} most={money(dearest)} values={costs} colour="var(--series-1)" />}
    </>
  );
}

/** One user over the time range of the page. */
export function UserPanel({ id, project, range, now, onClose }: { id: string; project: string; range: Span; now: number; onClose: () => void }) {
  const query = useQuery(userQuery(project, id, range));
  const failure = query.isError ? asApiError(query.error) : undefined;
  const detail = query.data;
  return (
    <SidePanel
      label={`user ${id}`}
      title={
        <div className={classes.userTitle}>
          <h2 title={id}>{id}</h2>
          <CopyButton text={id} label="Copy user" size={22} />
        </div>
      }
      onClose={onClose}
    >
      {failure !== undefined && failure.status === 404 && (
        <EmptyState icon={<IconListTree size={20} />} title="Nothing in this time range">
          <p>Choose a longer one to see what this user did.</p>
        </EmptyState>
      )}
      {failure !== undefined && failure.status !== 404 && detail === undefined && <ErrorNote failure={failure} />}
      {query.isPending && <Skeleton height={200} />}
      {detail !== undefined && (
        <>
          <div className={classes.ways}>
            <Button component={Link} variant="default" to={"/traces" as never} search={alone({ user_id: id })} leftSection={<IconListTree size={15} />}>
              Traces
            </Button>
            <Button component={Link} variant="default" to={"/sessions" as never} search={alone({ user_id: id })} leftSection={<IconMessages size={15} />}>
              Sessions
            </Button>
            <DeleteUser id={id} project={project} />
          </div>
          <Courses detail={detail} />
          <Fields
            rows={[
              ["First trace", <When key="first" at={detail.user.first_at} now={now} />],
              ["Last activity", <When key="last" at={detail.user.last_at} now={now} />],
              ["Sessions", grouped(detail.user.session_count)],
              ["Traces", grouped(detail.user.trace_count)],
              ["Model calls", grouped(detail.user.call_count)],
              ["Failed traces", <Failures key="failed" of={detail.user} />],
              ["Tokens", <Tokens key="tokens" usage={detail.user.usage} />],
              ["Cost", <Cost key="cost" of={detail.user} />],
              [
                "Models",
                <span key="models">
                  {detail.user.models.map((model) => (
                    <div key={model}>
                      <ColourName colour={colourOf(model)}>{model}</ColourName>
                    </div>
                  ))}
                </span>,
              ],
            ]}
          />
        </>
      )}
    </SidePanel>
  );
}
