import type { ProviderTest } from "@/api/types";
import { duration } from "@/lib/format";
import { Badge, Tag } from "@/ui/parts";
import classes from "../settings.module.css";

export function TestResult({ result, short = false }: { result: ProviderTest; short?: boolean }) {
  if (!result.ok) {
    return short ? (
      <Badge tone="error" title={result.error?.detail ?? ""}>
        {result.error?.code ?? "failed"}
      </Badge>
    ) : (
      <div className={classes.testFailed} role="alert">
        <Badge tone="error">{result.error?.code ?? "failed"}</Badge>
        <p>{result.error?.detail}</p>
      </div>
    );
  }
  if (short) {
    return (
      <Badge tone="ok" title={result.models.join("\n")}>
        {duration(result.latency_ms)}, {result.models.length} {result.models.length === 1 ? "model" : "models"}
      </Badge>
    );
  }
  return (
    <div className={classes.testOk} role="status">
      <Badge tone="ok">
        Answered in {duration(result.latency_ms)} with {result.models.length} {result.models.length === 1 ? "model" : "models"}
      </Badge>
      <div className={classes.tags}>
        {result.models.slice(0, 24).map((model) => (
          <Tag key={model} mono>
            {model}
          </Tag>
        ))}
        {result.models.length > 24 && <span className={classes.dim}>+{result.models.length - 24}</span>}
      </div>
    </div>
  );
}
