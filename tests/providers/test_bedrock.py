"""Bedrock accounts: signatures as botocore makes them, targets, failures and the list of models."""

from datetime import UTC, datetime

import pytest

from pilothouse import errors
from pilothouse.domain.clock import FakeClock
from pilothouse.errors import EndpointUnknown, SettingsInvalid, UpstreamError, UpstreamProtocol
from pilothouse.providers.base import AccountOptions, Outbound, Provider
from pilothouse.providers.bedrock import BedrockRow
from pilothouse.transport.base import Request

ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "TOKEN//+="
PAIR = f"{ACCESS_KEY}:{SECRET_KEY}"
RUNTIME = "https://bedrock-runtime.us-east-1.amazonaws.com"
NOW_NS = int(datetime(2026, 11, 25, 7, 8, 9, tzinfo=UTC).timestamp()) * 1_000_000_000


def account(base_url: str = RUNTIME, secret: str = PAIR, headers: tuple[tuple[str, str], ...] = ()) -> Provider:
    options = AccountOptions(account="acc", base_url=base_url, secret=secret, headers=headers)
    return BedrockRow().open(options, FakeClock(NOW_NS))


def call(model: str = "m", body: bytes = b"{}", *, streamed: bool = False, trace: str = "") -> Outbound:
    return Outbound("bedrock_converse", body, model, streamed=streamed, trace=trace)


def sent(request: Request) -> dict[bytes, bytes]:
    headers = (*request.headers, *request.more_headers)
    assert len(dict(headers)) == len(headers)
    return dict(headers)


def signature(request: Request) -> bytes:
    return sent(request)[b"authorization"].rpartition(b"Signature=")[2]


def test_a_whole_call_is_signed_as_botocore_signs_it() -> None:
    request = account().request(call("anthropic.claude-sonnet-4-5-20250929-v1:0", b'{"messages":[]}'))
    assert request.target == b"/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
    headers = sent(request)
    assert headers[b"x-amz-date"] == b"20261125T070809Z"
    assert headers[b"authorization"] == (
        b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/us-east-1/bedrock/aws4_request, "
        b"SignedHeaders=content-type;host;x-amz-date, "
        b"Signature=b78a4f708b4360e4f0d612c2d4dbe69e6e8e0d1c416296de61b9fd3f95088ebe"
    )
    assert b"x-amz-security-token" not in headers


def test_a_streamed_call_with_temporary_keys_and_an_arn() -> None:
    runtime = "https://bedrock-runtime.eu-central-1.amazonaws.com"
    arn = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude"
    request = account(runtime, f"{PAIR}:{TOKEN}").request(call(arn, '{"x":"ü"}'.encode(), streamed=True))
    assert request.target == (
        b"/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Ainference-profile%2Feu.anthropic.claude"
        b"/converse-stream"
    )
    headers = sent(request)
    assert headers[b"x-amz-security-token"] == TOKEN.encode()
    assert headers[b"accept"] == b"application/vnd.amazon.eventstream"
    assert b"SignedHeaders=content-type;host;x-amz-date;x-amz-security-token," in headers[b"authorization"]
    assert signature(request) == b"295b28f25e3776ea14f02bb6a7ae7ad2d7a22ca52e08e979791d6291afd1f3d0"


def test_the_list_of_models_comes_from_a_host_of_its_own() -> None:
    request = account().probe()
    assert (request.method, request.origin.host, request.target) == (
        b"GET",
        "bedrock.us-east-1.amazonaws.com",
        b"/foundation-models",
    )
    assert signature(request) == b"7bca45d58d09b9ca92624a8c521f32dc8758b2818c621fb3815503a094f5d087"


def test_another_host_keeps_its_path_and_takes_the_region_as_an_option() -> None:
    provider = account("http://127.0.0.1:8099/pre", headers=(("X-Amz-Region", "us-west-2"), ("x-team", "a")))
    request = provider.request(call())
    assert request.target == b"/pre/model/m/converse"
    assert signature(request) == b"79d610fb01a9a30100610ecbf3b0417925bb21f91b54d86c0447b9a531b0d2bc"
    headers = sent(request)
    assert headers[b"x-team"] == b"a"
    assert b"x-amz-region" not in headers
    probe = provider.probe()
    assert (probe.origin, probe.target) == (request.origin, b"/pre/foundation-models")


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("bedrock-runtime.us-gov-west-1.amazonaws.com", b"us-gov-west-1"),
        ("bedrock-runtime-fips.us-east-2.amazonaws.com", b"us-east-2"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", b"cn-north-1"),
        ("vpce-1a-2b.bedrock-runtime.ap-southeast-2.vpce.amazonaws.com", b"ap-southeast-2"),
        ("proxy.eu-west-3.example.com", b"eu-west-3"),
        ("localhost", b"us-east-1"),
    ],
)
def test_the_region_is_told_by_the_host(host: str, region: bytes) -> None:
    assert b"/" + region + b"/bedrock/" in sent(account(f"https://{host}").request(call()))[b"authorization"]


def test_each_attempt_is_signed_anew() -> None:
    clock = FakeClock(NOW_NS)
    provider = BedrockRow().open(AccountOptions("acc", RUNTIME, PAIR), clock)
    first = provider.request(call())
    clock.advance(86_400)
    second = provider.request(call())
    assert sent(second)[b"x-amz-date"] == b"20261126T070809Z"
    assert signature(first) != signature(second)
    assert first.headers == second.headers


def test_an_api_key_is_a_bearer() -> None:
    provider = account(secret="ABSKQmVkcm9jaw==")
    for request in (provider.request(call()), provider.request(call(streamed=True)), provider.probe()):
        headers = sent(request)
        assert headers[b"authorization"] == b"Bearer ABSKQmVkcm9jaw=="
        assert b"x-amz-date" not in headers


def test_the_secret_key_is_in_no_request_and_in_no_text() -> None:
    provider = account(secret=f"{PAIR}:{TOKEN}")
    for request in (provider.request(call(trace="00-1-2-01")), provider.probe()):
        assert all(SECRET_KEY.encode() not in value for value in sent(request).values())
    assert SECRET_KEY not in f"{provider!r}{provider}"
    assert sent(provider.request(call(trace="00-1-2-01")))[b"traceparent"] == b"00-1-2-01"
    failure = provider.failure(403, [], b'{"message":"%s %s"}' % (SECRET_KEY.encode(), TOKEN.encode()))
    assert SECRET_KEY not in failure.detail
    assert TOKEN not in failure.detail
    assert SECRET_KEY.encode() not in failure.body


@pytest.mark.parametrize(
    ("base_url", "secret", "headers", "param"),
    [
        ("", PAIR, (), "base_url"),
        (RUNTIME, "", (), "secret"),
        (RUNTIME, "A:", (), "secret"),
        (RUNTIME, ":B", (), "secret"),
        (RUNTIME, "a b", (), "secret"),
        (RUNTIME, PAIR, (("authorization", "x"),), "headers"),
        (RUNTIME, PAIR, (("X-Amz-Date", "x"),), "headers"),
        (RUNTIME, PAIR, (("x-amz-region", "here"),), "headers"),
        (RUNTIME, PAIR, (("x-a", "ü"),), "headers"),
    ],
)
def test_what_cannot_be_used_is_refused(
    base_url: str, secret: str, headers: tuple[tuple[str, str], ...], param: str
) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        account(base_url, secret, headers)
    assert caught.value.param == param


def test_another_dialect_is_refused() -> None:
    with pytest.raises(EndpointUnknown):
        account().request(Outbound("openai_chat", b"{}"))


FAILURES: list[tuple[int, str, str, type[UpstreamError]]] = [
    (400, "ValidationException", "Malformed input request", errors.UpstreamInvalid),
    (400, "ValidationException", "Input is too long for requested model.", errors.ContextLength),
    (400, "ValidationException", "prompt is too long: 204859 tokens > 200000 maximum", errors.ContextLength),
    (400, "ServiceQuotaExceededException", "quota", errors.UpstreamRateLimited),
    (429, "ThrottlingException", "Too many tokens", errors.UpstreamRateLimited),
    (429, "ModelNotReadyException", "not ready", errors.UpstreamOverloaded),
    (403, "AccessDeniedException", "no access", errors.UpstreamAuth),
    (403, "UnrecognizedClientException", "token invalid", errors.UpstreamAuth),
    (403, "ExpiredTokenException:http://internal.amazon.com/", "expired", errors.UpstreamAuth),
    (400, "com.amazon.coral#ExpiredTokenException", "expired", errors.UpstreamAuth),
    (404, "ResourceNotFoundException", "no model", errors.UpstreamNotFound),
    (408, "ModelTimeoutException", "slow", errors.UpstreamTimeout),
    (424, "ModelErrorException", "failed", errors.UpstreamFault),
    (500, "InternalServerException", "oops", errors.UpstreamFault),
    (503, "ServiceUnavailableException", "busy", errors.UpstreamOverloaded),
    (400, "SomethingNewException", "Input is too long", errors.UpstreamInvalid),
    (429, "", "who knows", errors.UpstreamRateLimited),
]


@pytest.mark.parametrize(("status", "kind", "message", "expected"), FAILURES)
def test_failures_are_told_by_their_type(status: int, kind: str, message: str, expected: type[UpstreamError]) -> None:
    body = b'{"message":"%s"}' % message.encode()
    headers = [(b"x-amzn-errortype", kind.encode()), (b"retry-after", b"3")] if kind else [(b"retry-after", b"3")]
    failure = account().failure(status, headers, body)
    assert type(failure) is expected
    assert failure.upstream_status == status
    assert message in failure.detail
    assert failure.retry_after_s == (3 if expected.retry == "transient" else None)


def test_an_exception_inside_a_stream_is_told_by_its_document() -> None:
    body = b'{"__type":"ThrottlingException","message":"slow down"}'
    assert type(account().failure(200, [], body)) is errors.UpstreamRateLimited


def test_the_list_of_models_is_read() -> None:
    provider = account()
    body = b'{"modelSummaries":[{"modelId":"a"},{"modelId":"b"},{"modelId":"a"},{"x":1},7]}'
    assert provider.models(body) == ["a", "b"]
    for bad in (b"<html>", b"[]", b'{"data":[]}'):
        with pytest.raises(UpstreamProtocol):
            provider.models(bad)
