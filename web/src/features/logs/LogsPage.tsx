import { Button } from "@mantine/core";
import { IconListDetails } from "@tabler/icons-react";
import { asApiError } from "@/api/client";
import type { LogQuery } from "@/api/signals";
import type { LogFacets } from "@/api/types";
import { useKeys } from "@/lib/keys";
import { Choice, FilterRow, SearchField } from "@/ui/filters";
import { ListBody, ListPage } from "@/ui/listPage";
import { LiveButton, Pill } from "@/ui/live";
import { NoMatch, Teaching } from "@/ui/teaching";
import { LogPanel } from "./LogPanel";
import { LogTable } from "./LogTable";
import { hasConditions, LEVELS, levelWord } from "./logs";
import { useLogs } from "./useLogs";

const NONE_IN_RANGE = "None in this time range";
const NO_CONDITIONS: LogQuery = { text: undefined, minSeverity: 0, services: [], names: [] };

function example(otlp: string): { name: string; code: string }[] {
  return [
    {
      name: "Environment",
      code: `export OTEL_EXPORTER_OTLP_ENDPOINT="${otlp}"
export OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20$PILOTHOUSE_KEY"
export OTEL_LOGS_EXPORTER=otlp
export OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED=true
opentelemetry-instrument python app.py`,
    },
    {
      name: "curl",
      code: `curl ${otlp}/v1/logs -H "Authorization: Bearer $PILOTHOUSE_KEY" -H "Content-Type: application/json" -d '{
  "resourceLogs": [{"scopeLogs": [{"logRecords": [
    {"severityNumber": 9, "severityText": "INFO", "body": {"stringValue": "hello"}}]}]}]}'`,
    },
  ];
}

function NoLogs() {
  return (
    <Teaching icon={<IconListDetails size={20} />} title="No log records in this time range" variants={example(window.location.origin)}>
      <p>Any OpenTelemetry SDK or collector sends them here, with a key that has the permission to ingest. Those that belong to a span are shown with its trace, too.</p>
    </Teaching>
  );
}

function Bar({ filter, facets, change, children }: { filter: LogQuery; facets: LogFacets | undefined; change: (part: Partial<LogQuery>) => void; children: React.ReactNode }) {
  const from = (least: number) => (facets?.severities ?? []).reduce((sum, facet) => (Number(facet.value) >= least ? sum + facet.count : sum), 0);
  const levels = LEVELS.map((level) => ({ value: level.word, count: from(level.least) }));
  return (
    <FilterRow search={<SearchField value={filter.text ?? ""} onChange={(text) => change({ text })} label="Search log records" placeholder="Search log records" />} end={children}>
      <Choice
        label="Severity from"
        values={levels}
        chosen={filter.minSeverity === 0 ? [] : [levelWord(filter.minSeverity)]}
        show={(word) => word}
        onChange={(words) => change({ minSeverity: LEVELS.find((level) => level.word === words[words.length - 1])?.least ?? 0 })}
        none={NONE_IN_RANGE}
      />
      <Choice label="Service" values={facets?.services ?? []} chosen={filter.services} show={(service) => service} onChange={(services) => change({ services })} none={NONE_IN_RANGE} />
      <Choice label="Event" values={facets?.names ?? []} chosen={filter.names} show={(name) => name} onChange={(names) => change({ names })} none={NONE_IN_RANGE} />
      {hasConditions(filter) && (
        <Button variant="subtle" color="gray" size="compact-sm" onClick={() => change(NO_CONDITIONS)}>
          Clear
        </Button>
      )}
    </FilterRow>
  );
}

export function LogsPage() {
  const { filter, change, query, facets, tail, toggleLive, logs, opened, open } = useLogs();
  useKeys({ l: toggleLive });
  const shown = logs.find((log) => log.id === opened);
  const { fetchNextPage, isFetchingNextPage, hasNextPage, isFetchNextPageError } = query;
  const more = hasNextPage && !isFetchingNextPage && !isFetchNextPageError;
  const empty = query.isSuccess && logs.length === 0 && !query.isPlaceholderData && tail.waiting.length === 0;
  const none = hasConditions(filter) ? (
    <NoMatch title="No log record fits all of these filters" onClear={() => change(NO_CONDITIONS)}>
      <p>There may be some with fewer filters or in a longer time range.</p>
    </NoMatch>
  ) : (
    <NoLogs />
  );
  return (
    <ListPage title="Logs">
      <Bar filter={filter} facets={facets} change={change}>
        <LiveButton state={tail.state} toggle={toggleLive} />
      </Bar>
      <ListBody query={query} failure={query.isError ? asApiError(query.error) : null} none={empty ? none : null}>
        <Pill count={tail.waiting.length} missed={tail.missed} what="log records" onClick={tail.reveal} />
        <LogTable
          logs={logs}
          opened={opened}
          onOpen={open}
          loading={query.isPending || isFetchingNextPage}
          loadMore={more ? () => void fetchNextPage() : undefined}
        />
      </ListBody>
      {shown !== undefined && <LogPanel log={shown} onClose={() => open(undefined)} />}
    </ListPage>
  );
}
