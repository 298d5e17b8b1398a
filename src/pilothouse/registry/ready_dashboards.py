"""Dashboards that every project has from the start."""

from collections.abc import Mapping

from pilothouse.domain.dashboard import Chart, Dashboard

_CALLS = "(kind:llm OR kind:embedding)"


def _ready(ident: str, name: str, description: str, *charts: Chart) -> Dashboard:
    return Dashboard(
        id=ident, project_id="", name=name, description=description, charts=charts, version=0, changed_by="",
        created_at_ns=0, updated_at_ns=0,
    )  # fmt: skip


_LATENCY = _ready(
    "latency", "Latency", "How long answers take, and where the time goes.",
    Chart(title="Median latency", kind="number", measures=("p50(latency_ms)",), q=_CALLS, width=1),
    Chart(title="95 % are faster than", kind="number", measures=("p95(latency_ms)",), q=_CALLS, width=1),
    Chart(title="Median time to first token", kind="number", measures=("p50(ttft_ms)",), q=_CALLS, width=1),
    Chart(title="Median output tokens a second", kind="number", measures=("p50(tokens_per_s)",), q=_CALLS, width=1),
    Chart(title="Latency", measures=("p50(latency_ms)", "p95(latency_ms)", "p99(latency_ms)"), q=_CALLS),
    Chart(title="Time to first token", measures=("p50(ttft_ms)", "p95(ttft_ms)", "p99(ttft_ms)"), q=_CALLS),
    Chart(title="95th percentile by model", measures=("p95(latency_ms)",), group_by="model", q=_CALLS),
    Chart(title="Output tokens a second by model", measures=("p50(tokens_per_s)",), group_by="model", q=_CALLS),
    Chart(title="By provider", kind="table", group_by="provider", q=_CALLS, width=4,
          measures=("count", "p50(latency_ms)", "p95(latency_ms)", "p99(latency_ms)", "p50(ttft_ms)")),
)  # fmt: skip
_COST = _ready(
    "cost", "Cost", "What is spent, on what and by whom.",
    Chart(title="Cost", kind="number", measures=("sum(cost_usd)",), width=1),
    Chart(title="Tokens", kind="number", measures=("sum(tokens)",), width=1),
    Chart(title="Read from a provider's cache", kind="number", measures=("sum(cache_read_tokens)",), width=1),
    Chart(title="Calls", kind="number", measures=("count",), q=_CALLS, width=1),
    Chart(title="Cost by model", kind="bars", measures=("sum(cost_usd)",), group_by="model", q=_CALLS),
    Chart(title="Tokens by model", kind="bars", measures=("sum(tokens)",), group_by="model", q=_CALLS),
    Chart(title="Cost by environment", kind="bars", measures=("sum(cost_usd)",), group_by="environment", q=_CALLS),
    Chart(title="Cost by prompt", kind="bars", measures=("sum(cost_usd)",), group_by="prompt",
          q=f"{_CALLS} has:prompt"),
    Chart(title="Keys", kind="table", group_by="key", measures=("sum(cost_usd)", "sum(tokens)", "count"), q=_CALLS),
    Chart(title="Users", kind="table", group_by="user", measures=("sum(cost_usd)", "sum(tokens)", "count"),
          q=f"{_CALLS} has:user"),
)  # fmt: skip
_QUALITY = _ready(
    "quality", "Quality", "What fails, and how answers are scored.",
    Chart(title="Calls that failed", kind="number", measures=("error_rate",), q=_CALLS, width=1),
    Chart(title="Cut off by their length", kind="number", measures=("count",), q=f"{_CALLS} finish_reason:length",
          width=1),
    Chart(title="Scores", kind="number", source="scores", measures=("count",), width=1),
    Chart(title="Tool calls that failed", kind="number", measures=("error_rate",), q="kind:tool", width=1),
    Chart(title="Error rate by model", measures=("error_rate",), group_by="model", q=_CALLS),
    Chart(title="Failures by code", kind="bars", measures=("count",), group_by="error_code", q="status:error"),
    Chart(title="Mean score by name", source="scores", measures=("avg(value)",), group_by="score"),
    Chart(title="Scores by name", kind="table", source="scores", group_by="score",
          measures=("count", "avg(value)", "min(value)", "max(value)")),
    Chart(title="By prompt version", kind="table", group_by="prompt_version", q=f"{_CALLS} has:prompt", width=4,
          measures=("count", "error_rate", "p95(latency_ms)", "sum(cost_usd)")),
)  # fmt: skip
READY: Mapping[str, Dashboard] = {one.id: one for one in (_LATENCY, _COST, _QUALITY)}
