import { CloseButton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { asApiError } from "@/api/client";
import { overviewQuery } from "@/api/queries";
import { useProject } from "@/api/useProject";
import { colourOf } from "@/lib/colour";
import { list } from "@/lib/search";
import { useRange } from "@/lib/useRange";
import { ColourName, ErrorNote, ErrorState } from "@/ui/parts";
import { Charts, ChartsSkeleton } from "./Charts";
import { GettingStarted } from "./GettingStarted";
import { Models } from "./Models";
import classes from "./overview.module.css";
import { Tiles, TilesSkeleton } from "./Tiles";

function ModelFilter({ models }: { models: readonly string[] }) {
  const navigate = useNavigate();
  if (models.length === 0) return null;
  const without = (model: string) =>
    void navigate({ to: ".", search: ((before: Record<string, unknown>) => ({ ...before, model: models.filter((each) => each !== model) })) as never });
  return (
    <div className={classes.filter}>
      Only
      {models.map((model) => (
        <span key={model} className={classes.chip}>
          <ColourName colour={colourOf(model)}>{model}</ColourName>
          <CloseButton size="xs" aria-label={`Remove ${model}`} onClick={() => without(model)} />
        </span>
      ))}
    </div>
  );
}

export function OverviewPage() {
  const project = useProject();
  const range = useRange();
  const search: Record<string, unknown> = useSearch({ strict: false });
  const models = list(search.model);
  const query = useQuery({ ...overviewQuery(project?.id ?? "", range, models), enabled: project !== undefined });
  const overview = query.data;
  if (overview === undefined && query.isError) return <ErrorState failure={asApiError(query.error)} onRetry={() => void query.refetch()} />;
  const empty = overview !== undefined && overview.totals.requests === 0;
  return (
    <div className={classes.page} aria-busy={query.isFetching}>
      <h1 className="hidden-visually">Overview</h1>
      {query.isError && <ErrorNote failure={asApiError(query.error)} kept="The figures below are the last that were loaded." />}
      <ModelFilter models={models} />
      {empty && project !== undefined && <GettingStarted project={project.id} quiet={overview.previous.requests > 0 || models.length > 0} />}
      {overview === undefined ? (
        <>
          <TilesSkeleton />
          <ChartsSkeleton />
        </>
      ) : (
        !empty && (
          <>
            <Tiles overview={overview} />
            <Charts overview={overview} />
            <Models overview={overview} />
          </>
        )
      )}
    </div>
  );
}
