import { IconDatabase } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { asApiError } from "@/api/client";
import { datasetsQuery } from "@/api/library";
import { useProject } from "@/api/useProject";
import { grouped } from "@/lib/format";
import { EmptyState, ErrorState, Snippet } from "@/ui/parts";
import { DatasetDetail } from "./DatasetDetail";
import classes from "./library.module.css";
import { Shelf } from "./Shelf";
import { useShelf } from "./useShelf";

/** Of the address, what belongs to the one that was open. */
const CLEARED = ["version", "tab"];

const langfuse = (url: string) =>
  [
    "import os",
    "from langfuse import Langfuse",
    "",
    `langfuse = Langfuse(base_url="${url}", public_key="any", secret_key=os.environ["PILOTHOUSE_KEY"])`,
    'langfuse.create_dataset(name="questions")',
    'langfuse.create_dataset_item(dataset_name="questions", input="What is 2 + 2?", expected_output="4")',
  ].join("\n");
const langsmith = (url: string) =>
  ["import os", "from langsmith import Client", "", `client = Client(api_url="${url}/api/v1", api_key=os.environ["PILOTHOUSE_KEY"])`, 'made = client.create_dataset("questions")', 'client.create_examples(dataset_id=made.id, inputs=[{"q": "2 + 2?"}], outputs=[{"a": "4"}])'].join("\n");

function NoDatasets() {
  const url = window.location.origin;
  return (
    <div className={classes.empty}>
      <EmptyState icon={<IconDatabase size={20} />} title="No datasets yet">
        <p>A dataset is a set of inputs with what should come of them. Each change makes a version, and experiments run over one of them.</p>
      </EmptyState>
      <div className={classes.snippet}>
        <Snippet
          variants={[
            { name: "Langfuse", code: langfuse(url) },
            { name: "LangSmith", code: langsmith(url) },
          ]}
        />
      </div>
    </div>
  );
}

/** Every dataset of the project, and one of them with items and experiments. */
export function DatasetsPage() {
  const project = useProject();
  const { asked, ...shelf } = useShelf("dataset", CLEARED);
  const query = useInfiniteQuery({ ...datasetsQuery(project?.id ?? "", shelf.part), enabled: project !== undefined });
  const datasets = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const chosen = asked ?? datasets[0]?.id;
  if (query.isError && query.data === undefined) return <ErrorState failure={asApiError(query.error)} onRetry={() => void query.refetch()} />;
  if (query.isSuccess && datasets.length === 0 && shelf.part === "") return <NoDatasets />;
  return (
    <Shelf
      label="Datasets"
      books={datasets.map((dataset) => ({ id: dataset.id, name: dataset.name, note: `${grouped(dataset.item_count)} items · v${dataset.version}` }))}
      chosen={chosen}
      {...shelf}
      pending={query.isPending}
      more={query.hasNextPage ? () => void query.fetchNextPage() : undefined}
    >
      {chosen !== undefined && project !== undefined && <DatasetDetail key={chosen} project={project.id} id={chosen} />}
    </Shelf>
  );
}
