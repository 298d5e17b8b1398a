import { Button } from "@mantine/core";
import { IconMapOff } from "@tabler/icons-react";
import { Link, type ErrorComponentProps } from "@tanstack/react-router";
import { asApiError } from "@/api/client";
import { EmptyState, ErrorState } from "@/ui/parts";

export function RouteFailure({ error, reset }: ErrorComponentProps) {
  const stale = /dynamically imported module|Importing a module script failed/i.test(asApiError(error).message);
  const failure = asApiError(error);
  const shown = stale
    ? { title: "Pilothouse was updated", message: "This page belongs to the version before. Load it again to go on.", code: "ui_updated", requestId: "", docs: "" }
    : failure;
  return <ErrorState failure={shown} onRetry={() => (stale ? window.location.reload() : reset())} />;
}

export function Missing() {
  return (
    <main>
      <EmptyState
        icon={<IconMapOff size={20} />}
        title="There is no such page"
        actions={
          <Button component={Link} to="/" variant="default">
            Go to the overview
          </Button>
        }
      >
        <p>The address may have been mistyped, or the page has moved.</p>
      </EmptyState>
    </main>
  );
}
