"""What every dialect must do, run over every row of the table."""

import json

import pytest

from pilothouse.domain.call import Operation
from pilothouse.errors import InvalidJson, InvalidRequest, SettingsInvalid, UpstreamCut, UpstreamProtocol
from pilothouse.protocols import sse, table
from pilothouse.protocols.base import EVENT_STREAM, NO_ASK, Ask, Dialect


@pytest.fixture(params=sorted(table.ROWS))
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return table.dialect(request.param)


def test_a_dialect_is_known_by_its_row(dialect: Dialect) -> None:
    assert table.dialect(dialect.name) is dialect
    assert dialect.path.startswith("/")


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="openai_chat"):
        table.dialect("nope")


def test_the_model_is_read_and_replaced(dialect: Dialect) -> None:
    name = dialect.model_field
    body = b'{"%b":"account/a","input":"x","messages":[]}' % name.encode()
    if "{model}" in dialect.path:
        assert dialect.read_head(body, Ask("from/path", streamed=True)).model_name == "from/path"
        assert not dialect.needs_canonical(body)
        # A body that repeats the path's model (lines of a batch do) must not tell the provider our name of it.
        out = dialect.rewrite(body, model="a", ask_usage=False)
        assert out == body or json.loads(out) == {**json.loads(body), "model": "models/a"}
        return
    assert dialect.read_head(body, NO_ASK).model_name == "account/a"
    assert not dialect.needs_canonical(body)
    out = dialect.rewrite(body, model="a", ask_usage=False)
    assert json.loads(out) == {name: "a", "input": "x", "messages": []}


def test_the_checked_model_is_the_called_one(dialect: Dialect) -> None:
    if "{model}" in dialect.path:
        pytest.skip("the path names the model")
    name = dialect.model_field
    escaped = name.replace("e", "\\u0065", 1)
    body = f'{{"{name}":"allowed","{name.capitalize()}":"other","{escaped}":"last"}}'.encode()
    assert dialect.needs_canonical(body)
    checked = dialect.read_head(body, NO_ASK).model_name
    out = json.loads(dialect.rewrite(body, model=None, ask_usage=False))
    assert checked == "last"
    assert out == {name: checked}


def test_a_request_without_a_model_has_an_empty_name(dialect: Dialect) -> None:
    head = dialect.read_head(b"{}", NO_ASK)
    assert (head.model_name, head.streamed, head.wants_usage, head.user_id, head.labels) == (
        "",
        dialect.binary,
        False,
        "",
        {},
    )


def test_bad_bodies_are_refused(dialect: Dialect) -> None:
    for body in (b"", b"{", b'{"x":' + b"[" * 100_000):
        with pytest.raises(InvalidJson):
            dialect.read_head(body, NO_ASK)
        with pytest.raises(InvalidJson):
            dialect.rewrite(body, model="m", ask_usage=False)
    with pytest.raises(InvalidRequest):
        dialect.read_head(b"[]", NO_ASK)


def test_bad_replies_are_refused(dialect: Dialect) -> None:
    plain_text = dialect.operation is Operation.TRANSCRIPTION
    for body in (b"", b"<html>", b"{}", *(() if plain_text else (b"[" * 100_000,))):
        with pytest.raises(UpstreamProtocol):
            dialect.read_reply(body)


def test_errors_are_rendered(dialect: Dialect) -> None:
    problem = UpstreamCut("cut off")
    whole = dialect.render_error(problem, "r1")
    document = json.loads(whole)
    assert "cut off" in document.get("error", document)["message"]
    streamed = dialect.render_stream_error(problem, "r1")
    if dialect.stream_type(NO_ASK) == EVENT_STREAM:
        assert streamed.endswith(b"\n\n")
        name, data = sse.parse(streamed)
        told = json.loads(data)
        assert "cut off" in told.get("error", told)["message"]
        assert data == whole or name == b"error"
    else:
        assert whole in streamed


def test_streams_are_scanned_and_folded_or_not_at_all(dialect: Dialect) -> None:
    assert (dialect.scan is None) == (dialect.fold is None)
    if dialect.scan is not None and dialect.fold is not None:
        scan = dialect.scan(NO_ASK, hide_usage=True)
        if dialect.stream_type(NO_ASK) == EVENT_STREAM:
            assert scan.feed(b": ping\n\n") == b": ping\n\n"
        assert scan.end() == b""
        assert not scan.complete
        json.loads(dialect.fold(b""))
