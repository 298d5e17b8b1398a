"""Runs in another environment, with one of Langfuse's SDKs: tells one story in its words, and prints the ids of it.

Only the SDK itself is there. `python -m tests.compat.langfuse_story URL KEY`
"""

import json
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import langfuse as sdk

MAJOR = int(version("langfuse").partition(".")[0])
MESSAGES = [{"role": "user", "content": "Hello"}]
ANSWER = {"role": "assistant", "content": "Hi!"}
USAGE = {"input": 7, "cache_read_input_tokens": 3, "output": 4, "output_reasoning_tokens": 1, "total": 15}
COST = {"input": 0.001, "output": 0.002, "total": 0.003}
METADATA = {"plan": "pro"}


def generation_2(langfuse: Any) -> dict[str, str]:
    trace = langfuse.trace(
        id="order-17/abc", name="checkout", user_id="ada", session_id="s-1", tags=["a", "b"], metadata=METADATA,
        version="7", input={"q": "hi"},
    )  # fmt: skip
    span = trace.span(name="fetch", input={"k": 1}, metadata={"m": "x"})
    answer = span.generation(
        name="answer", model="gpt-4o-mini", model_parameters={"temperature": 0.5}, input=MESSAGES,
    )  # fmt: skip
    answer.update(completion_start_time=datetime.now(UTC))
    answer.end(output=ANSWER, usage_details=USAGE, cost_details=COST)
    span.event(name="clicked", level="WARNING", status_message="careful", input=1)
    broken = span.span(name="broken")
    broken.end(level="ERROR", status_message="it broke")
    span.end(output={"v": 2})
    trace.update(output="done")
    trace.score(name="quality", value=0.9, comment="good")
    answer.score(name="kind", value="great", data_type="CATEGORICAL")
    return {"trace": trace.id, "generation": answer.id}


def generation_3(langfuse: Any) -> dict[str, str]:
    with langfuse.start_as_current_span(name="fetch", input={"k": 1}, metadata={"m": "x"}, version="7") as span:
        span.update_trace(name="checkout", user_id="ada", session_id="s-1", tags=["a", "b"], metadata=METADATA)
        return _inner(langfuse, span, langfuse.start_as_current_generation)


def generation_4(langfuse: Any) -> dict[str, str]:
    def generation(**said: Any) -> Any:
        return langfuse.start_as_current_observation(as_type="generation", **said)

    about = {"user_id": "ada", "session_id": "s-1", "tags": ["a", "b"], "metadata": METADATA, "version": "7"}
    with (
        sdk.propagate_attributes(trace_name="checkout", **about),
        langfuse.start_as_current_observation(
            as_type="span", name="fetch", input={"k": 1}, metadata={"m": "x"}
        ) as span,
    ):
        return _inner(langfuse, span, generation)


def _inner(langfuse: Any, span: Any, generation: Any) -> dict[str, str]:
    said = {"model": "gpt-4o-mini", "model_parameters": {"temperature": 0.5}, "input": MESSAGES}
    with generation(name="answer", **said) as answer:
        answer.update(completion_start_time=datetime.now(UTC))
        answer.update(output=ANSWER, usage_details=USAGE, cost_details=COST)
    span.create_event(name="clicked", level="WARNING", status_message="careful", input=1)
    start = span.start_span if MAJOR == 3 else span.start_observation
    start(name="broken", level="ERROR", status_message="it broke").end()
    span.update(output={"v": 2})
    span.score_trace(name="quality", value=0.9, comment="good")
    answer.score(name="kind", value="great", data_type="CATEGORICAL")
    return {"trace": span.trace_id, "generation": answer.id}


def read_back(langfuse: Any, trace_id: str, session_id: str) -> dict[str, Any]:
    """Read with the SDK's own API, whose types refuse what is not as they know it."""
    if MAJOR == 2:
        trace, traces = langfuse.fetch_trace(trace_id).data, langfuse.fetch_traces(limit=10, user_id="ada").data
        observations, session = langfuse.fetch_observations(trace_id=trace_id).data, None
    else:
        api = langfuse.api
        trace, traces = api.trace.get(trace_id), api.trace.list(limit=10, user_id="ada").data
        listing = api.observations if MAJOR == 3 else api.legacy.observations_v1
        observations, session = listing.get_many(trace_id=trace_id).data, api.sessions.get(session_id)
    answer = next(one for one in trace.observations if one.name == "answer")
    return {
        "id": trace.id, "name": trace.name, "tags": trace.tags, "cost": trace.total_cost,
        "traces": [one.id for one in traces], "observations": len(observations), "type": answer.type,
        "usage": answer.usage_details, "input": answer.input, "scores": sorted(one.name for one in trace.scores),
        "session": session and [one.id for one in session.traces],
    }  # fmt: skip


def main(url: str, key: str, trace_id: str = "") -> None:
    where = {"base_url" if MAJOR >= 4 else "host": url}
    langfuse = sdk.Langfuse(public_key="pk-lf-any", secret_key=key, release="r1", environment="test", **where)
    if trace_id:
        sys.stdout.write(json.dumps(read_back(langfuse, trace_id, "s-1")))
        return
    checked = langfuse.auth_check()
    told = {2: generation_2, 3: generation_3}.get(MAJOR, generation_4)(langfuse)
    langfuse.flush()
    langfuse.shutdown()
    sys.stdout.write(json.dumps({**told, "checked": checked}))


if __name__ == "__main__":
    main(*sys.argv[1:])
