"""Runs in another environment, with one of Langfuse's SDKs: reads what was sent before.

Only the SDK itself is there. `python -m tests.compat.langfuse_reads_story URL KEY`
"""

import json
import sys
from importlib.metadata import version
from typing import Any

import langfuse as sdk

MAJOR = int(version("langfuse").partition(".")[0])
QUERY = json.dumps({
    "view": "observations", "metrics": [{"measure": "count", "aggregation": "count"}],
    "fromTimestamp": "2026-11-28T00:00:00Z", "toTimestamp": "2026-11-29T00:00:00Z",
})  # fmt: skip


def legacy(api: Any) -> dict[str, Any]:
    """Read as SDKs up to 4 can."""
    traces = (api.trace if hasattr(api, "trace") and hasattr(api.trace, "list") else api.legacy.trace).list(limit=2)
    sessions = api.sessions
    old = api.legacy.observations_v1 if MAJOR == 4 else api.observations
    observations = old.get_many(name="work", limit=10)
    return {
        "traces": [one.id for one in traces.data],
        "pages": traces.meta.total_pages,
        "trace": api.trace.get("trace/0").name,
        "sessions": [one.id for one in sessions.list().data],
        "session": len(sessions.get("s 1").traces),
        "observations": sorted(one.id for one in observations.data),
        "observation": old.get("o0").name,
    }


def configs(api: Any) -> list[str]:
    held = api.score_configs
    if MAJOR == 2:
        return [one.name for one in held.get().data]
    return [one.name for one in (held.get() if hasattr(held, "get") else held.get_many()).data]


def scores(api: Any) -> Any:
    if MAJOR == 2:
        found = api.score.get(name="ok", user_id="u0").data
    elif MAJOR == 3:
        found = api.score_v_2.get(name="ok", user_id="u0").data
    elif MAJOR == 4:
        found = api.scores.get_many(name="ok", user_id="u0").data
    else:
        found = api.scores.get_many(name="ok", data_type="BOOLEAN", fields="subject").data
    return sorted((one.id, one.value) for one in found)


def metrics(api: Any) -> Any:
    if MAJOR == 2:
        return [(str(day.date), day.count_traces) for day in api.metrics.daily().data]
    return api.metrics.metrics(query=QUERY).data


def newest(api: Any) -> list[str]:
    """Read observations as SDKs from 3 on can."""
    held = api.observations_v_2 if MAJOR == 3 else api.observations
    found: list[str] = []
    page = held.get_many(fields="basic,io", limit=2, name="work")
    while True:
        found += [one["id"] if isinstance(one, dict) else one.id for one in page.data]
        if not getattr(page.meta, "cursor", None):
            return sorted(found)
        page = held.get_many(fields="basic,io", limit=2, name="work", cursor=page.meta.cursor)


def composed(langfuse: Any) -> list[Any]:
    langfuse.create_prompt(name="tone", prompt="Be kind, {{name}}.", labels=["production"], type="text")
    mark = "@@@langfusePrompt:name=tone|label=production@@@"
    langfuse.create_prompt(name="rules", prompt=f"Rules: {mark}", labels=["production"], type="text")
    found = langfuse.get_prompt("rules")
    return [found.compile(name="Ada"), found.prompt]


def main(url: str, key: str) -> None:
    langfuse: Any = sdk.Langfuse(host=url, public_key="pk-lf-any", secret_key=key)
    api = langfuse.client if MAJOR == 2 else langfuse.api
    told: dict[str, Any] = {
        "configs": configs(api), "scores": scores(api), "metrics": metrics(api), "composed": composed(langfuse),
    }  # fmt: skip
    if MAJOR < 5:
        told["legacy"] = legacy(api)
    if MAJOR > 2:
        told["newest"] = newest(api)
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
