import { Button, Switch } from "@mantine/core";
import { IconShare2 } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { sessionQuery } from "@/api/queries";
import { putSharing, revokeShare, sharesQuery, sharingQuery, type ShareView } from "@/api/shares";
import { useProject } from "@/api/useProject";
import { ago, exactTime, grouped } from "@/lib/format";
import { useNow } from "@/lib/now";
import { lastLabel, spanLabel } from "@/lib/range";
import { Confirm } from "@/ui/Confirm";
import { Badge, EmptyState } from "@/ui/parts";
import { toast } from "@/ui/toast";
import { who } from "../data/kinds";
import { Section } from "../Section";
import classes from "../settings.module.css";

const TONES = { active: "ok", expired: "unknown", revoked: "unknown" } as const;

function Allowed({ project }: { project: string }) {
  const client = useQueryClient();
  const query = useQuery(sharingQuery(project));
  const { data: session } = useQuery(sessionQuery);
  const mayChange = ["owner", "admin"].includes(session?.person?.role ?? "");
  const change = useMutation({
    mutationFn: (allowed: boolean) => putSharing(project, allowed),
    onSuccess: (now) => {
      client.setQueryData(sharingQuery(project).queryKey, now);
      toast("ok", now.allowed ? "Share links are allowed" : "Share links are forbidden; those that there are show nothing");
    },
  });
  return <Switch label="Allow share links" checked={query.data?.allowed ?? true} disabled={query.data === undefined || change.isPending || !mayChange} description={mayChange ? undefined : "Admins decide"} onChange={(event) => change.mutate(event.currentTarget.checked)} />;
}

const keepProject = ((before: Record<string, unknown>) => ({ project: before.project })) as never;

function Subject({ share }: { share: ShareView }) {
  if (share.kind === "dashboard" && share.dashboard_id !== "") {
    return (
      <Link to={"/dashboards/$dashboardId" as never} params={{ dashboardId: share.dashboard_id } as never} search={keepProject}>
        {share.name}
      </Link>
    );
  }
  if (share.trace_id === "") return <span className={classes.dim}>a deleted {share.kind}</span>;
  return (
    <Link to={"/traces/$traceId" as never} params={{ traceId: share.trace_id } as never} search={keepProject}>
      {share.name || share.trace_id.slice(0, 12)}
    </Link>
  );
}

/** What a link shows, in words. */
function shows(share: ShareView): string {
  if (share.kind === "trace") return share.bodies ? "trace, inputs and outputs" : "trace, structure";
  if (share.range_from !== null && share.range_to !== null) return `charts, ${spanLabel({ from: new Date(share.range_from), to: new Date(share.range_to) })}`;
  return share.range === "" ? "charts" : `charts, ${lastLabel(share.range).toLowerCase()}`;
}

function Row({ share, now, onEnd }: { share: ShareView; now: Date; onEnd: () => void }) {
  const expires = new Date(share.expires_at);
  return (
    <tr data-ended={share.status !== "active" || undefined}>
      <td className={classes.strong}>
        <Subject share={share} />
        <div>
          <code className={classes.dim} title="How the link's token begins">
            {share.hint}
          </code>
        </div>
      </td>
      <td>
        <Badge tone={TONES[share.status]}>{share.status}</Badge>
      </td>
      <td className={classes.words}>{shows(share)}</td>
      <td className={classes.nowrap} title={share.opened_at === null ? undefined : exactTime(new Date(share.opened_at))}>
        {share.opened === 0 ? <span className={classes.dim}>never</span> : `${grouped(share.opened)} ×`}
      </td>
      <td className={classes.nowrap} title={exactTime(expires)}>
        {share.status === "active" ? ago(expires, now) : <span className={classes.dim}>{ago(share.revoked_at === null ? expires : new Date(share.revoked_at), now)}</span>}
      </td>
      <td className={classes.nowrap} title={exactTime(new Date(share.created_at))}>
        {ago(new Date(share.created_at), now)}
        <div className={classes.dim}>by {who(share.created_by)}</div>
      </td>
      <td className={classes.rowActions}>
        {share.status === "active" && (
          <Button variant="subtle" color="danger" size="compact-sm" onClick={onEnd} aria-label={`Revoke the link to ${share.name}`}>
            Revoke
          </Button>
        )}
      </td>
    </tr>
  );
}

/** Every share link of the project, and whether it allows any. */
export function SharesPage() {
  const project = useProject();
  const id = project?.id ?? "";
  const query = useQuery({ ...sharesQuery(id), enabled: project !== undefined });
  const client = useQueryClient();
  const now = useNow(30_000);
  const [ending, setEnding] = useState<ShareView | null>(null);
  const revoke = useMutation({
    mutationFn: (share: ShareView) => revokeShare(id, share.id),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: sharesQuery(id).queryKey });
      setEnding(null);
      toast("ok", "Link revoked");
    },
  });
  return (
    <>
      <Section
        title="Share links"
        lead="Links with which anybody can read one trace or dashboard, without an account. They are made with Share on its page."
        action={project !== undefined && <Allowed project={id} />}
        query={query}
        columns={["To", "Status", "Shows", "Opened", "Ends", "Made", ""]}
        empty={
          <EmptyState icon={<IconShare2 size={20} />} title="Nothing is shared">
            <p>Open a trace or a dashboard and choose Share to send it to somebody without an account.</p>
          </EmptyState>
        }
      >
        {(shares) => shares.map((share) => <Row key={share.id} share={share} now={new Date(now)} onEnd={() => setEnding(share)} />)}
      </Section>
      <Confirm opened={ending !== null} title="Revoke the link?" action="Revoke link" busy={revoke.isPending} onCancel={() => setEnding(null)} onConfirm={() => ending !== null && revoke.mutate(ending)}>
        Whoever has <code>{ending?.hint}</code> sees nothing from now on. This cannot be undone; what it led to stays.
      </Confirm>
    </>
  );
}
