import { IconLinkOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useLocation } from "@tanstack/react-router";
import { lazy, Suspense, useEffect } from "react";
import { asApiError } from "@/api/client";
import { sharedQuery } from "@/api/shares";
import { EmptyState, ErrorState, Skeleton } from "@/ui/parts";
import classes from "./shared.module.css";

// Whoever reads a dashboard needs nothing of what draws traces, and the other way round.
const SharedTrace = lazy(async () => ({ default: (await import("@/features/traces")).SharedTrace }));
const SharedBoard = lazy(async () => ({ default: (await import("@/features/dashboards")).SharedBoard }));

function Ended({ error, retry }: { error: Error; retry: () => void }) {
  const failure = asApiError(error);
  if (failure.status !== 410 && failure.status !== 404) return <ErrorState failure={failure} onRetry={retry} />;
  return (
    <EmptyState icon={<IconLinkOff size={20} />} title={failure.status === 410 ? "This link shows nothing any more" : "This link leads nowhere"}>
      <p>{failure.status === 410 ? failure.message : "It may be incomplete: copy it as a whole, or ask whoever sent it for a new one."}</p>
    </EmptyState>
  );
}

const failed = (error: Error, retry: () => void) => (
  <main className={classes.page}>
    <Ended error={error} retry={retry} />
  </main>
);

const waiting = (
  <main className={classes.page} aria-busy>
    <div className={classes.head}>
      <Skeleton width={260} height={20} />
    </div>
  </main>
);

/** The one trace or dashboard that a share link leads to, and nothing beside it. */
export function SharedPage() {
  // Behind the #, the token never reaches a server's log; it goes in a header instead.
  const { hash: token } = useLocation();
  const page = useQuery({ ...sharedQuery(token), retry: false });
  const name = page.data?.name ?? "";
  useEffect(() => {
    if (name !== "") document.title = `${name} · Pilothouse`;
  }, [name]);
  if (page.error !== null) return failed(page.error, () => void page.refetch());
  if (page.data === undefined) return waiting;
  const { bodies, expires_at: expiresAt, dashboard } = page.data;
  const retry = () => void page.refetch();
  return (
    <Suspense fallback={waiting}>
      {dashboard ? (
        <SharedBoard key={token} token={token} name={name} dashboard={dashboard} expiresAt={expiresAt} ended={(error) => failed(error, retry)} />
      ) : (
        <SharedTrace key={token} token={token} bodies={bodies} expiresAt={expiresAt} failed={failed} />
      )}
    </Suspense>
  );
}
