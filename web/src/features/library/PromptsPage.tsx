import { IconFileText } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { asApiError } from "@/api/client";
import { promptsQuery } from "@/api/library";
import { systemQuery } from "@/api/queries";
import { useProject } from "@/api/useProject";
import { EmptyState, ErrorState, Snippet, Tag } from "@/ui/parts";
import classes from "./library.module.css";
import { PromptDetail } from "./PromptDetail";
import { Shelf } from "./Shelf";
import { useShelf } from "./useShelf";

/** Of the address, what belongs to the one that was open. */
const CLEARED = ["version", "against"];

const python = (url: string) =>
  ["import os", "from langfuse import Langfuse", "", `langfuse = Langfuse(base_url="${url}", public_key="any", secret_key=os.environ["PILOTHOUSE_KEY"])`, 'langfuse.create_prompt(name="greet", prompt="Hi {{name}}", labels=["production"])'].join("\n");
const app = (url: string) =>
  ["import os", "from pilothouse import sdk", "", `sdk.init("${url}", os.environ["PILOTHOUSE_KEY"])`, 'sdk.get_prompt("greet", fallback="Hi {{name}}").compile(name="Ada")'].join("\n");

function NoPrompts() {
  const { data: system } = useQuery(systemQuery);
  const url = system === undefined ? "http://127.0.0.1:4100" : window.location.origin;
  return (
    <div className={classes.empty}>
      <EmptyState icon={<IconFileText size={20} />} title="No prompts yet">
        <p>A prompt has versions that never change, and labels such as production that move between them. Make one with Langfuse&apos;s or LangSmith&apos;s SDK, or over the API; apps fetch it by its label.</p>
      </EmptyState>
      <div className={classes.snippet}>
        <Snippet
          variants={[
            { name: "Make one", code: python(url) },
            { name: "Use it", code: app(url) },
          ]}
        />
      </div>
    </div>
  );
}

/** Every prompt of the project, and one of them with its versions. */
export function PromptsPage() {
  const project = useProject();
  const { asked, ...shelf } = useShelf("prompt", CLEARED);
  const query = useInfiniteQuery({ ...promptsQuery(project?.id ?? "", shelf.part), enabled: project !== undefined });
  const prompts = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const chosen = asked ?? prompts[0]?.id;
  if (query.isError && query.data === undefined) return <ErrorState failure={asApiError(query.error)} onRetry={() => void query.refetch()} />;
  if (query.isSuccess && prompts.length === 0 && shelf.part === "") return <NoPrompts />;
  return (
    <Shelf
      label="Prompts"
      books={prompts.map((prompt) => ({
        id: prompt.id,
        name: prompt.name,
        note: (
          <>
            <Tag>{prompt.kind}</Tag> v{prompt.labels.latest ?? 0}
            {prompt.labels.production !== undefined && ` · production v${prompt.labels.production}`}
          </>
        ),
      }))}
      chosen={chosen}
      {...shelf}
      pending={query.isPending}
      more={query.hasNextPage ? () => void query.fetchNextPage() : undefined}
    >
      {chosen !== undefined && project !== undefined && <PromptDetail key={chosen} project={project.id} id={chosen} />}
    </Shelf>
  );
}
