"""What every provider must do, run over every row of the table."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from pilothouse import errors
from pilothouse.errors import UpstreamError
from pilothouse.protocols import openai_chat
from pilothouse.providers import table
from pilothouse.providers.base import AccountOptions, Outbound, Prepared, Provider
from pilothouse.providers.fake import FakeProvider
from pilothouse.providers.openai_compatible import OpenAICompatible
from pilothouse.transport.base import Request
from pilothouse.transport.pool import PooledTransport
from tests.providers import service_account

SECRET = "sk-contract-0123456789"
BASE_URL = "http://127.0.0.1:9/some/prefix"
LIKE_OPENAI = sorted(
    name
    for name, row in table.ROWS.items()
    if isinstance(row, OpenAICompatible)
    and (row.paths["openai_chat"], row.models_path) == ("/chat/completions", "/models")
)
"""Those that the fake server can stand in for, all of its paths included."""


def make(name: str, base_url: str = BASE_URL) -> Provider:
    secret = service_account.FILE if name == "vertex" else SECRET
    made = table.make(name, AccountOptions(account="acc", base_url=base_url, secret=secret))
    if isinstance(made, Prepared):
        # What such an account sends is its token, which is a secret as well.
        asyncio.run(made.prepare(service_account.TokenServer(SECRET).send))
    return made


@pytest.fixture(params=sorted(table.ROWS))
def provider(request: pytest.FixtureRequest) -> Provider:
    return make(request.param)


def requests(provider: Provider) -> list[Request]:
    dialect = provider.dialects[0]
    found = [provider.request(Outbound(dialect, b'{"a":1}', "m", streamed=streamed)) for streamed in (False, True)]
    return [*found, provider.probe()]


def test_every_row_is_described_and_can_be_made() -> None:
    kinds = {kind.name: kind for kind in table.describe()}
    assert set(kinds) == set(table.ROWS)
    for name, kind in kinds.items():
        assert kind.title
        if kind.base_url:
            assert make(name, "").probe().target.startswith(b"/")


def test_urls_are_joined_under_the_base_url(provider: Provider) -> None:
    whole, streamed, probe = requests(provider)
    assert (whole.method, whole.body) == (b"POST", b'{"a":1}')
    assert whole.target.startswith(b"/some/prefix/")
    assert streamed.target.startswith(b"/some/prefix/")
    assert probe.method == b"GET"
    assert probe.target.startswith(b"/some/prefix/")
    assert {
        (request.origin.scheme, request.origin.host, request.origin.port) for request in (whole, streamed, probe)
    } == {("http", "127.0.0.1", 9)}


def test_the_key_stands_in_one_header_and_nowhere_else(provider: Provider) -> None:
    for request in requests(provider):
        carrying = [name for name, value in (*request.headers, *request.more_headers) if SECRET.encode() in value]
        assert len(carrying) == 1
        assert carrying[0] in (b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key")
        assert SECRET.encode() not in request.target + request.body
        assert SECRET not in repr(request.origin)


def test_every_dialect_of_a_row_has_a_request(provider: Provider) -> None:
    assert len(set(provider.dialects)) == len(provider.dialects) > 0
    for dialect in provider.dialects:
        request = provider.request(Outbound(dialect, b"{}", "a b/../c?d#e", headers=((b"openai-beta", b"x"),)))
        assert request.target.startswith(b"/some/prefix/")
        assert b"/../" not in request.target
        assert not set(request.target) & set(b" #")
    with pytest.raises(errors.EndpointUnknown):
        provider.request(Outbound("no_such_dialect", b"{}"))


def test_a_form_is_sent_with_its_own_content_type(provider: Provider) -> None:
    kind = b"multipart/form-data; boundary=x"
    for dialect in ("openai_transcriptions", "openai_image_edits"):
        if dialect in provider.dialects:
            request = provider.request(Outbound(dialect, b"--x--", content_type=kind))
            assert [value for name, value in request.headers if name == b"content-type"] == [kind]
            assert request.body == b"--x--"


def test_headers_can_be_sent_as_they_are(provider: Provider) -> None:
    for request in requests(provider):
        headers = (*request.headers, *request.more_headers)
        names = [name for name, _ in headers]
        assert len(names) == len(set(names))
        for name, value in headers:
            assert name == name.lower()
            assert not set(name + value) & set(b"\r\n\0")


def test_the_key_is_in_no_text_about_the_account(provider: Provider) -> None:
    options = AccountOptions(account="acc", base_url=BASE_URL, secret=SECRET, headers=(("x-extra", SECRET),))
    for text in (repr(options), str(options), repr(provider), str(provider)):
        assert SECRET not in text


def test_the_key_is_struck_from_failures(provider: Provider) -> None:
    body = b'{"error":{"message":"Incorrect API key: %s.","code":"invalid_api_key"}}' % SECRET.encode()
    for status in (200, 400, 401, 429, 500):
        failure = provider.failure(status, [], body)
        assert SECRET not in f"{failure!r}{failure}{failure.detail}"
        assert SECRET.encode() not in failure.body


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(expect_key=SECRET) as running:
        yield running


@pytest.fixture
async def transport() -> AsyncIterator[PooledTransport]:
    pool = PooledTransport()
    yield pool
    await pool.close()


async def exchange(transport: PooledTransport, request: Request) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    response = await transport.send(request)
    body = await response.read(1_000_000)
    await response.close()
    return response.status, response.headers, body


@pytest.mark.parametrize("name", LIKE_OPENAI)
async def test_a_real_server_takes_probe_and_calls(name: str, fake: FakeProvider, transport: PooledTransport) -> None:
    provider = table.make(name, AccountOptions(account="acc", base_url=fake.base_url, secret=SECRET))
    status, _, body = await exchange(transport, provider.probe())
    assert status == 200
    assert "fake-chat" in provider.models(body)
    call = Outbound("openai_chat", b'{"model":"m","messages":[]}', trace="00-1-2-01")
    status, _, body = await exchange(transport, provider.request(call))
    assert status == 200
    assert openai_chat.read_reply(body).finish_reason == "stop"
    assert fake.requests[-1].headers["traceparent"] == "00-1-2-01"


@pytest.mark.parametrize("name", LIKE_OPENAI)
async def test_a_real_server_refuses_a_wrong_key(name: str, fake: FakeProvider, transport: PooledTransport) -> None:
    provider = table.make(name, AccountOptions(account="acc", base_url=fake.base_url, secret="sk-wrong"))
    for request in (provider.probe(), provider.request(Outbound("openai_chat", b'{"model":"m","messages":[]}'))):
        assert type(provider.failure(*await exchange(transport, request))) is errors.UpstreamAuth


FROM_THE_FAKE: dict[str, type[UpstreamError]] = {
    "400": errors.UpstreamInvalid,
    "402": errors.UpstreamBilling,
    "403": errors.UpstreamAuth,
    "404": errors.UpstreamNotFound,
    "429-date": errors.UpstreamRateLimited,
    "500": errors.UpstreamFault,
    "503": errors.UpstreamOverloaded,
    "529": errors.UpstreamOverloaded,
    "billing": errors.UpstreamBilling,
    "content-policy": errors.ContentPolicy,
    "context-length": errors.ContextLength,
    "html-500": errors.UpstreamFault,
    "html-502": errors.UpstreamFault,
    "redirect": errors.UpstreamProtocol,
}


@pytest.mark.parametrize("name", FROM_THE_FAKE)
async def test_failures_of_a_real_server_are_told_apart(
    name: str, fake: FakeProvider, transport: PooledTransport
) -> None:
    fake.script(name)
    provider = table.make("openai", AccountOptions(account="acc", base_url=fake.base_url, secret=SECRET))
    answer = await exchange(transport, provider.request(Outbound("openai_chat", b'{"model":"m","messages":[]}')))
    failure = provider.failure(*answer)
    assert type(failure) is FROM_THE_FAKE[name]
    assert (failure.retry_after_s is not None) is (name == "429-date")


HTML = b"<html><head><title>oops</title></head><body>rate limit context length quota</body></html>"


def typed(kind: str = "invalid_request_error", code: str | int | None = None, param: str | None = None) -> bytes:
    shown = f'"{code}"' if isinstance(code, str) else "null" if code is None else str(code)
    named = "null" if param is None else f'"{param}"'
    return f'{{"error":{{"message":"m","type":"{kind}","code":{shown},"param":{named}}}}}'.encode()


EMPTY_BODIES = (b"", HTML, b"{}", b"not json", b'{"error":{}}', b"\xff\xfe", b"[" * 99999)

BY_STATUS: dict[int, type[UpstreamError]] = {
    301: errors.UpstreamProtocol,
    307: errors.UpstreamProtocol,
    400: errors.UpstreamInvalid,
    401: errors.UpstreamAuth,
    402: errors.UpstreamBilling,
    403: errors.UpstreamAuth,
    404: errors.UpstreamNotFound,
    405: errors.UpstreamNotFound,
    408: errors.UpstreamTimeout,
    409: errors.UpstreamFault,
    413: errors.UpstreamInvalid,
    418: errors.UpstreamInvalid,
    422: errors.UpstreamInvalid,
    424: errors.UpstreamFault,
    429: errors.UpstreamRateLimited,
    500: errors.UpstreamFault,
    502: errors.UpstreamFault,
    503: errors.UpstreamOverloaded,
    504: errors.UpstreamTimeout,
    520: errors.UpstreamFault,
    522: errors.UpstreamTimeout,
    529: errors.UpstreamOverloaded,
    599: errors.UpstreamFault,
    200: errors.UpstreamFault,
}


@pytest.mark.parametrize("status", BY_STATUS)
def test_a_status_alone_decides_where_the_body_says_nothing_typed(provider: Provider, status: int) -> None:
    for body in EMPTY_BODIES:
        failure = provider.failure(status, [], body)
        assert type(failure) is BY_STATUS[status]
        assert failure.upstream_status == status


TYPED: list[tuple[int, bytes, type[UpstreamError]]] = [
    (400, typed(code="context_length_exceeded", param="messages"), errors.ContextLength),
    (400, typed("exceed_context_size_error", 400), errors.ContextLength),
    (400, typed("BadRequestError", 400, "input_tokens"), errors.ContextLength),
    (500, typed("server_error", "context_length_exceeded"), errors.ContextLength),
    (400, typed(code="content_filter"), errors.ContentPolicy),
    (400, typed(code="content_policy_violation"), errors.ContentPolicy),
    (403, typed(code="content_filter"), errors.ContentPolicy),
    (
        400,
        b'{"error":{"message":"m","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}',
        errors.ContentPolicy,
    ),
    (400, typed(), errors.UpstreamInvalid),
    (400, typed("BadRequestError", 400), errors.UpstreamInvalid),
    (400, typed(code="unsupported_parameter", param="temperature"), errors.UpstreamInvalid),
    (400, typed(code="invalid_api_key"), errors.UpstreamAuth),
    (401, typed(code="invalid_api_key"), errors.UpstreamAuth),
    (401, typed(code="model_not_found"), errors.UpstreamNotFound),
    (403, typed(code="model_not_found"), errors.UpstreamNotFound),
    (403, typed("insufficient_quota", "insufficient_quota"), errors.UpstreamBilling),
    (404, typed(code="model_not_found"), errors.UpstreamNotFound),
    (404, b'{"object":"error","message":"m","type":"NotFoundError","code":404}', errors.UpstreamNotFound),
    (429, typed("requests", "rate_limit_exceeded"), errors.UpstreamRateLimited),
    (429, typed("tokens", "rate_limit_exceeded"), errors.UpstreamRateLimited),
    (429, typed("insufficient_quota", "insufficient_quota"), errors.UpstreamBilling),
    (429, typed("billing_hard_limit_reached"), errors.UpstreamBilling),
    (429, b'{"error":"Model is overloaded","error_type":"overloaded"}', errors.UpstreamOverloaded),
    (413, typed("tokens", "rate_limit_exceeded"), errors.UpstreamRateLimited),
    (500, typed("overloaded_error"), errors.UpstreamOverloaded),
    (503, typed("server_error"), errors.UpstreamOverloaded),
    (529, b'{"type":"error","error":{"type":"overloaded_error","message":"m"}}', errors.UpstreamOverloaded),
    # A success status with an error object: the object alone can tell.
    (200, typed("server_error"), errors.UpstreamFault),
    (200, typed("BadRequestError", 400), errors.UpstreamInvalid),
    (200, typed("InternalServerError", 500), errors.UpstreamFault),
    (200, typed("whatever", 429), errors.UpstreamRateLimited),
    (200, typed(code="context_length_exceeded"), errors.ContextLength),
    (200, b'{"error":{"message":"m","type":"overloaded_error"}}', errors.UpstreamOverloaded),
    (200, b'{"error":"m"}', errors.UpstreamFault),
    # Codes that make no sense with the status do not overrule it.
    (401, typed("server_error"), errors.UpstreamAuth),
    (404, typed(code="context_length_exceeded"), errors.UpstreamNotFound),
    (400, typed("server_error"), errors.UpstreamInvalid),
]


@pytest.mark.parametrize(("status", "body", "kind"), TYPED)
def test_typed_fields_refine_the_status(
    provider: Provider, status: int, body: bytes, kind: type[UpstreamError]
) -> None:
    failure = provider.failure(status, [], body)
    assert type(failure) is kind
    assert failure.body == body


@pytest.mark.parametrize(
    "words", ["context_length_exceeded", "insufficient_quota", "rate limit", "invalid_api_key", "content_filter"]
)
def test_the_words_of_a_message_decide_nothing(provider: Provider, words: str) -> None:
    body = f'{{"error":{{"message":"{words}: maximum context length","type":"x","code":null}}}}'.encode()
    assert type(provider.failure(400, [], body)) is errors.UpstreamInvalid
    assert type(provider.failure(500, [], body)) is errors.UpstreamFault


def test_the_wait_is_told_for_what_may_be_tried_again(provider: Provider) -> None:
    headers = [(b"retry-after", b"7")]
    assert provider.failure(429, headers, b"").retry_after_s == 7
    assert provider.failure(503, headers, b"").retry_after_s == 7
    assert provider.failure(400, headers, b"").retry_after_s is None
    assert provider.failure(429, headers, typed(code="insufficient_quota")).retry_after_s is None


def test_large_bodies_are_kept_in_part(provider: Provider) -> None:
    assert len(provider.failure(500, [], b"x" * 1_000_000).body) == 64 * 1024


def test_a_failure_names_the_account_and_what_was_said(provider: Provider) -> None:
    detail = provider.failure(400, [], typed(code="unsupported_parameter")).detail
    assert "'acc'" in detail
    assert "400" in detail
    assert "unsupported_parameter" in detail
    assert len(provider.failure(400, [], b'{"error":{"message":"%s"}}' % (b"x" * 9999)).detail) < 500
