import { IconArrowLeft } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { metricValuesQuery } from "@/api/signals";
import type { MetricSummary } from "@/api/types";
import { count } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import { Chip, OptionButton, Options, TextChip } from "@/ui/filters";
import { attributesOf, bare, conditionOf } from "./metrics";

interface Props {
  project: string;
  metrics: readonly MetricSummary[];
  where: readonly string[];
  onChange: (where: string[]) => void;
}

function Values({ project, metric, attribute, onBack, onChoose }: { project: string; metric: MetricSummary | undefined; attribute: string; onBack: () => void; onChoose: (value: string) => void }) {
  const range = useRange({ frozen: true });
  const { data } = useQuery({ ...metricValuesQuery(project, metric ?? { name: "", kind: "gauge", unit: "" }, attribute, range), enabled: metric !== undefined });
  return (
    <Options label={bare(attribute)} none={data?.length === 0 ? "No values in this time range" : null}>
      <OptionButton autoFocus onClick={onBack}>
        <IconArrowLeft size={13} aria-hidden />
        <b>{bare(attribute)}</b>
      </OptionButton>
      {data?.map((each) => (
        <OptionButton key={each.value} note={count(each.count)} onClick={() => onChoose(each.value)}>
          {each.value}
        </OptionButton>
      ))}
    </Options>
  );
}

/** Values that points must have: those that are chosen, and how to choose one more. */
export function Narrow({ project, metrics, where, onChange }: Props) {
  const [open, setOpen] = useState(false);
  const [attribute, setAttribute] = useState<string | null>(null);
  const change = (next: boolean) => {
    setOpen(next);
    if (!next) setAttribute(null);
  };
  const choose = (value: string) => {
    onChange([...new Set([...where, `${attribute ?? ""}=${value}`])]);
    change(false);
  };
  return (
    <>
      {where.map((each) => {
        const { attribute: name, value } = conditionOf(each);
        return <TextChip key={each} label={bare(name)} value={value} onRemove={() => onChange(where.filter((other) => other !== each))} />;
      })}
      <Chip label="Filter" value={null} open={open} setOpen={change} onRemove={() => undefined}>
        {attribute === null ? (
          <Options label="Attributes" none={null}>
            {attributesOf(metrics).map((each) => (
              <OptionButton key={each.value} note={`${each.count} metrics`} onClick={() => setAttribute(each.value)}>
                {bare(each.value)}
              </OptionButton>
            ))}
          </Options>
        ) : (
          <Values project={project} metric={metrics.find((metric) => metric.attributes.includes(attribute))} attribute={attribute} onBack={() => setAttribute(null)} onChoose={choose} />
        )}
      </Chip>
    </>
  );
}
