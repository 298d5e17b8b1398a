"""Session, user, tags and metadata reach every span below, and none beside."""

import asyncio

from opentelemetry import trace

from pilothouse import sdk
from pilothouse.domain.ids import parse_traceparent
from pilothouse.domain.score import ScoreType
from tests.sdk.conftest import App


async def test_they_reach_spans_below_whoever_makes_them(app: App) -> None:
    with sdk.session("s-1"), sdk.user("ada"), sdk.tags("beta", "eu"), sdk.metadata(plan="pro", depth=1):
        with sdk.tags("eu", "new"), sdk.metadata(depth=2), trace.get_tracer("other").start_as_current_span("inner"):
            await asyncio.create_task(
                asyncio.to_thread(lambda: sdk.span("deep").__enter__().__exit__(None, None, None))
            )
        with sdk.session("s-2"), sdk.span("elsewhere"):
            pass
    with sdk.span("outside"):
        pass
    found = await app.sent()
    for name in ("inner", "deep"):
        span = found.named(name)
        assert (span.session_id, span.user_id, span.tags) == ("s-1", "ada", ("beta", "eu", "new"))
        assert span.metadata == {"plan": "pro", "depth": "2"}
    assert found.named("elsewhere").session_id == "s-2"
    assert found.named("elsewhere").tags == ("beta", "eu")
    outside = found.named("outside")
    assert (outside.session_id, outside.user_id, outside.tags, outside.metadata) == (None, None, (), {})


async def test_tasks_do_not_hear_of_one_another(app: App) -> None:
    async def answer(number: int) -> None:
        with sdk.session(f"s-{number}"):
            await asyncio.sleep(0)
            with sdk.span(f"span-{number}"):
                await asyncio.sleep(0)

    await asyncio.gather(*(answer(number) for number in range(5)))
    found = await app.sent()
    assert {span.name: span.session_id for span in found.spans} == {f"span-{n}": f"s-{n}" for n in range(5)}


async def test_headers_join_the_spans_of_the_gateway(app: App) -> None:
    with sdk.session("s-1"), sdk.user("Zoë"), sdk.span("ask") as span:
        found = sdk.headers()
    context = parse_traceparent(found["traceparent"].encode())
    assert context is not None
    assert (context.trace_id, context.parent_span_id, context.sampled) == (span.trace_id, span.span_id, True)
    assert {**found, "traceparent": ""} == {"traceparent": "", "x-pilothouse-session-id": "s-1"}
    assert sdk.headers() == {}


async def test_scores_of_the_open_span_and_by_id(app: App) -> None:
    with sdk.span("ask") as span:
        assert sdk.score("helpful", 0.9, comment="to the point")
        assert sdk.score("safe", True)
    assert sdk.score("tone", "friendly", trace_id=span.trace_id)
    found = {score.name: score for score in (await app.sent()).scores}
    helpful, safe, tone = found["helpful"], found["safe"], found["tone"]
    assert (helpful.type, helpful.number, helpful.comment) == (ScoreType.NUMERIC, 0.9, "to the point")
    assert {(score.trace_id, score.span_id) for score in (helpful, safe)} == {(span.trace_id, span.span_id)}
    assert (safe.type, safe.number) == (ScoreType.BOOLEAN, 1.0)
    assert (tone.type, tone.text, tone.trace_id, tone.span_id) == (
        ScoreType.CATEGORICAL, "friendly", span.trace_id, "",
    )  # fmt: skip
    assert helpful.project_id == app.run.project.id


async def test_scores_that_are_none_are_not_sent(app: App) -> None:
    assert not sdk.score("helpful", 1)
    assert not sdk.score("helpful", float("nan"), trace_id="1" * 32)
    assert not sdk.score(" ", 1, trace_id="1" * 32)
    assert (await app.sent()).scores == []
