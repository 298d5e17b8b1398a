"""Accounts at Google: paths, errors, and the tokens of service accounts."""

import asyncio
import json
from base64 import urlsafe_b64decode
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from pilothouse import errors
from pilothouse.domain.clock import FakeClock
from pilothouse.errors import EndpointUnknown, SettingsInvalid, UpstreamAuth, UpstreamError
from pilothouse.protocols.gemini.errors import KEY_REASONS
from pilothouse.providers import table
from pilothouse.providers.base import AccountOptions, Outbound, Pooled, Prepared, Provider
from pilothouse.providers.google import VertexAccount, VertexRow
from tests.providers.service_account import FILE, KEY, TOKEN_URI, TokenServer

SECRET = "AIza-0123456789"


def gemini(base_url: str = "") -> Provider:
    return table.make("gemini", AccountOptions("acc", base_url, SECRET))


def vertex(clock: FakeClock | None = None, base_url: str = "", secret: str = FILE) -> VertexAccount:
    opened = VertexRow().open(AccountOptions("acc", base_url, secret), clock or FakeClock())
    assert isinstance(opened, VertexAccount)
    return opened


CALLS: list[tuple[Outbound, bytes]] = [
    (Outbound("gemini", b"{}", "gemini-2.5-pro"), b"models/gemini-2.5-pro:generateContent"),
    (
        Outbound("gemini", b"{}", "gemini-2.5-pro", streamed=True),
        b"models/gemini-2.5-pro:streamGenerateContent?alt=sse",
    ),
    (
        Outbound("gemini", b"{}", "models/gemini-2.5-pro", streamed=True, variant="array"),
        b"models/gemini-2.5-pro:streamGenerateContent",
    ),
    (Outbound("gemini", b"{}", "tunedModels/mine"), b"tunedModels/mine:generateContent"),
    (Outbound("gemini", b"{}", "../../x?y"), b"models/..%2F..%2Fx%3Fy:generateContent"),
    (Outbound("gemini_count_tokens", b"{}", "g"), b"models/g:countTokens"),
]


@pytest.mark.parametrize(("call", "target"), CALLS)
async def test_model_and_verb_stand_in_the_path(call: Outbound, target: bytes) -> None:
    request = gemini().request(call)
    assert request.target == b"/v1beta/" + target
    assert (b"x-goog-api-key", SECRET.encode()) in request.headers
    provider = vertex()
    await provider.prepare(TokenServer().send)
    assert provider.request(call).target == (b"/v1/projects/proj-1/locations/global/publishers/google/" + target)


@pytest.mark.parametrize(
    ("variant", "body", "verb"),
    [
        ("", b'{"content":{}}', b"embedContent"),
        ("batch", b"{}", b"batchEmbedContents"),
        ("", b'{"requests":[]}', b"batchEmbedContents"),
    ],
)
def test_embeddings_go_one_by_one_or_in_a_batch(variant: str, body: bytes, verb: bytes) -> None:
    call = Outbound("gemini_embeddings", body, "gemini-embedding-001", variant=variant)
    assert gemini().request(call).target == b"/v1beta/models/gemini-embedding-001:" + verb


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "https://generativelanguage.googleapis.com",
        "https://generativelanguage.googleapis.com/v1beta/",
        "https://generativelanguage.googleapis.com/v1beta/openai/",
        "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
    ],
)
def test_gemini_also_speaks_like_openai(base_url: str) -> None:
    request = gemini(base_url).request(Outbound("openai_chat", b"{}", "gemini-2.5-pro"))
    assert request.target == b"/v1beta/openai/chat/completions"
    assert (b"authorization", b"Bearer " + SECRET.encode()) in request.headers
    assert b"x-goog-api-key" not in dict(request.headers)
    assert gemini(base_url).probe().target == b"/v1beta/models?pageSize=1000"


def test_lists_of_models_lose_what_all_names_begin_with() -> None:
    assert gemini().models(b'{"models":[{"name":"models/gemini-2.5-pro"}]}') == ["gemini-2.5-pro"]
    listed = b'{"publisherModels":[{"name":"publishers/google/models/gemini-2.5-pro"}]}'
    assert vertex().models(listed) == ["gemini-2.5-pro"]


def failed(code: int, status: str, *details: object) -> bytes:
    return json.dumps({"error": {"code": code, "message": "m", "status": status, "details": details}}).encode()


INFO = "type.googleapis.com/google.rpc.ErrorInfo"
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"}
KEYED = [
    (400, failed(400, "INVALID_ARGUMENT", {"@type": INFO, "reason": why}), UpstreamAuth) for why in sorted(KEY_REASONS)
]
ERRORS: list[tuple[int, bytes, type[UpstreamError]]] = [
    (400, failed(400, "INVALID_ARGUMENT"), errors.UpstreamInvalid),
    (400, failed(400, "INVALID_ARGUMENT", {"@type": INFO, "reason": "API_KEY_INVALID"}), UpstreamAuth),
    (400, failed(400, "FAILED_PRECONDITION"), errors.UpstreamInvalid),
    (401, failed(401, "UNAUTHENTICATED"), UpstreamAuth),
    (403, failed(403, "PERMISSION_DENIED"), UpstreamAuth),
    (403, failed(403, "PERMISSION_DENIED", {"@type": INFO, "reason": "BILLING_DISABLED"}), errors.UpstreamBilling),
    (404, failed(404, "NOT_FOUND"), errors.UpstreamNotFound),
    (429, failed(429, "RESOURCE_EXHAUSTED"), errors.UpstreamRateLimited),
    (500, failed(500, "INTERNAL"), errors.UpstreamFault),
    (503, failed(503, "UNAVAILABLE"), errors.UpstreamOverloaded),
    (504, failed(504, "DEADLINE_EXCEEDED"), errors.UpstreamTimeout),
    (200, failed(503, "UNAVAILABLE"), errors.UpstreamOverloaded),
    (429, b"[" + failed(429, "RESOURCE_EXHAUSTED") + b"]", errors.UpstreamRateLimited),
    (429, b"<html>", errors.UpstreamRateLimited),
    (400, b'{"error":{"status":7,"details":[1,{"reason":2}]}}', errors.UpstreamInvalid),
    *KEYED,
]


@pytest.mark.parametrize(("status", "body", "kind"), ERRORS)
def test_errors_are_told_by_reason_then_by_status(status: int, body: bytes, kind: type[UpstreamError]) -> None:
    for provider in (gemini(), vertex()):
        assert type(provider.failure(status, [], body)) is kind


def test_the_wait_stands_in_the_details() -> None:
    assert gemini().failure(429, [], failed(429, "RESOURCE_EXHAUSTED", RETRY)).retry_after_s == 37
    told = [(b"retry-after", b"5")]
    assert gemini().failure(429, told, failed(429, "RESOURCE_EXHAUSTED")).retry_after_s == 5
    assert gemini().failure(400, told, failed(400, "INVALID_ARGUMENT", RETRY)).retry_after_s is None


async def test_a_claim_is_signed_and_exchanged_for_a_token() -> None:
    clock, server = FakeClock(), TokenServer()
    provider = vertex(clock)
    assert isinstance(provider, Prepared)
    assert not provider.ready
    with pytest.raises(UpstreamAuth):
        provider.request(Outbound("gemini", b"{}", "m"))
    await provider.prepare(server.send)
    assert provider.ready
    [asked] = server.requests
    assert (asked.method, asked.origin.host, asked.target) == (b"POST", "oauth2.googleapis.test", b"/token")
    form = parse_qs(asked.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    head, claims, signature = (part.encode() + b"==" for part in form["assertion"][0].split("."))
    KEY.public_key().verify(
        urlsafe_b64decode(signature), form["assertion"][0].rpartition(".")[0].encode(), PKCS1v15(), SHA256()
    )
    assert json.loads(urlsafe_b64decode(head)) == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    now_s = clock.now_ns() // 10**9
    assert json.loads(urlsafe_b64decode(claims)) == {
        "iss": "robot@proj-1.iam.gserviceaccount.test",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": TOKEN_URI,
        "iat": now_s,
        "exp": now_s + 3600,
    }
    request = provider.request(Outbound("gemini", b"{}", "m", trace="00-a-b-01"))
    assert (b"authorization", b"Bearer ya29.token") in request.more_headers
    assert (b"traceparent", b"00-a-b-01") in request.more_headers


async def test_a_token_is_kept_until_shortly_before_its_end() -> None:
    clock, server = FakeClock(), TokenServer()
    provider = vertex(clock)
    await provider.prepare(server.send)
    clock.advance(3599 - 61)
    await provider.prepare(server.send)
    assert len(server.requests) == 1
    clock.advance(2)
    assert not provider.ready
    await provider.prepare(server.send)
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [200, 503])
async def test_many_calls_share_one_exchange_whatever_comes_of_it(status: int) -> None:
    server = TokenServer(status=status)
    provider = vertex()
    outcomes = await asyncio.gather(*(provider.prepare(server.send) for _ in range(20)), return_exceptions=True)
    assert len(server.requests) == 1
    assert all((outcome is None) is (status == 200) for outcome in outcomes)
    await provider.prepare(TokenServer().send)
    assert provider.ready


async def test_who_gives_up_waiting_does_not_take_the_others_along() -> None:
    server = TokenServer()
    provider = vertex()
    waiting = [asyncio.create_task(provider.prepare(server.send)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert provider.ready


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"error":"invalid_grant","error_description":"Invalid JWT Signature."}', UpstreamAuth),
        (401, b'{"error":"invalid_client"}', UpstreamAuth),
        (503, b"", errors.UpstreamOverloaded),
        (200, b"<html>", errors.UpstreamProtocol),
        (200, b'{"id_token":"x"}', errors.UpstreamProtocol),
    ],
)
async def test_exchanges_that_fail(status: int, body: bytes, kind: type[UpstreamError]) -> None:
    with pytest.raises(UpstreamError) as caught:
        await vertex().prepare(TokenServer(status=status, body=body or b" ").send)
    assert type(caught.value) is kind
    assert "acc" in caught.value.detail


async def test_a_token_that_is_refused_is_fetched_anew() -> None:
    provider = vertex()
    await provider.prepare(TokenServer().send)
    assert isinstance(provider, Pooled)
    request = provider.request(Outbound("gemini", b"{}", "m"))
    assert not provider.failed(request, UpstreamAuth("no", upstream_status=403))
    assert provider.ready
    assert not provider.failed(request, UpstreamAuth("no", upstream_status=401))
    assert not provider.ready


async def test_no_secret_is_left_in_texts() -> None:
    provider = vertex()
    await provider.prepare(TokenServer("ya29.secret").send)
    failure = provider.failure(401, [], failed(401, "UNAUTHENTICATED", {"token": "ya29.secret"}))
    assert "ya29" not in f"{failure.body!r}{failure.detail}{provider!r}"


@pytest.mark.parametrize(
    ("base_url", "target"),
    [
        (
            "https://europe-west4-aiplatform.googleapis.com",
            b"/v1/projects/proj-1/locations/europe-west4/publishers/google/models/m:generateContent",
        ),
        (
            "https://x.test/p/v1/projects/other/locations/us-east5",
            b"/p/v1/projects/other/locations/us-east5/publishers/google/models/m:generateContent",
        ),
    ],
)
async def test_the_location_is_told_by_the_base_url(base_url: str, target: bytes) -> None:
    provider = vertex(base_url=base_url)
    await provider.prepare(TokenServer().send)
    assert provider.request(Outbound("gemini", b"{}", "m")).target == target
    assert provider.probe().target.endswith(b"/v1beta1/publishers/google/models?pageSize=200")


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "sk-plain",
        "[]",
        "{}",
        json.dumps({**json.loads(FILE), "private_key": "nope"}),
        json.dumps({**json.loads(FILE), "token_uri": "ftp://x"}),
        json.dumps({**json.loads(FILE), "token_uri": "http://169.254.169.254/latest"}),
    ],
)
def test_what_is_no_service_account_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        vertex(secret=secret)
    assert caught.value.param == "secret"
    assert "PRIVATE" not in str(caught.value)


def test_vertex_speaks_no_other_dialect() -> None:
    with pytest.raises(EndpointUnknown):
        vertex().request(Outbound("openai_chat", b"{}", "m"))
