"""Every field of a record holds what its name says; the fields are given by position."""

from collections.abc import Callable

import msgspec

from pilothouse.domain.access import Permission, VirtualKey
from pilothouse.domain.call import Attempt, CallRecord, Outcome
from pilothouse.domain.facts import Loss
from pilothouse.domain.snapshot import Account, Target
from pilothouse.domain.usage import Usage
from pilothouse.errors import UpstreamCut
from pilothouse.gateway.call import Arrival, Call, Ending, Exchange, Reply, Routing
from pilothouse.gateway.caller_headers import read
from pilothouse.gateway.index import Deployment
from pilothouse.gateway.options import GatewayOptions
from pilothouse.gateway.record import Record
from pilothouse.protocols.openai_chat import DIALECT, read_head
from pilothouse.providers.base import AccountOptions
from pilothouse.providers.table import make
from pilothouse.spool import SpoolOptions


class Kept:
    """A spool that keeps what it is offered in memory."""

    options = SpoolOptions()
    full = False

    def __init__(self) -> None:
        self.records: list[CallRecord] = []

    def offer_soon(self, make: Callable[[], CallRecord]) -> None:
        self.records.append(make())


async def test_every_field_holds_its_own_value() -> None:
    headers = {
        b"user-agent": b"agent", b"authorization": b"Bearer secret", b"x-pilothouse-user-id": b"user",
        b"x-pilothouse-session-id": b"session", b"x-pilothouse-environment": b"environment",
    }  # fmt: skip
    body = b'{"model":"requested","stream":true,"metadata":{"label":"1"}}'
    account = Account(id="i", name="account", provider="openai_compatible", base_url="http://x/v1")
    key = VirtualKey("key", "project", "name", "digest", "hint", (Permission.INFERENCE,), (), 1)
    deployment = Deployment(account, make("openai_compatible", AccountOptions("account", "http://x/v1")))
    usage, attempt = Usage(3, output_tokens=4), Attempt("account", "openai_compatible", "upstream")

    async def answer(call: Call) -> Reply:
        call.key, call.body, call.head = key, body, read_head(body)
        call.model, call.streamed = "requested", True
        call.routing = Routing("alias", Target("account", "upstream"), deployment)
        call.exchange = Exchange(
            11, "served", "stop", usage, True, 12, 13, "upstream_dialect", (Loss("seed", "none there"),),
            told_cost_usd="0.25", told_price_version="prices",
        )  # fmt: skip
        call.attempts.append(attempt)
        reply = Reply(200, [(b"x-provider", b"p")], b"first")
        reply.about = [(b"x-pilothouse-attempts", b"1")]
        reply.note_sent(b"rest", 100)
        return reply

    async def no_body() -> bytes:
        return b""

    spool = Kept()
    arrival = Arrival("id", "trace", "span", "parent", 21, 22, DIALECT, headers, read(headers), batch_id="batch")
    call = Call(arrival, no_body, lambda: 52)
    reply = await Record(spool, GatewayOptions(record_body_bytes=8))(call, answer)  # type: ignore[arg-type]
    error = UpstreamCut("cut off")
    reply.end(Ending(Outcome.CUT, error))
    reply.end(Ending(Outcome.CUT, error))
    assert [msgspec.structs.asdict(record) for record in spool.records] == [{
        "id": "id", "trace_id": "trace", "span_id": "span", "parent_span_id": "parent", "project_id": "project",
        "key_id": "key", "started_at_ns": 21, "duration_ns": 30, "overhead_ns": 11, "first_token_ns": 12,
        "last_token_ns": 13, "outcome": Outcome.CUT, "status": 200, "error_code": error.code,
        "error_detail": "cut off", "operation": DIALECT.operation, "dialect": "openai_chat",
        "path": "/v1/chat/completions", "streamed": True, "model_requested": "requested", "model_served": "served",
        "account": "account", "provider": "openai_compatible", "alias": "alias", "usage": usage,
        "usage_asked_for_caller": True, "finish_reason": "stop", "attempts": (attempt,),
        "request_headers": {
            "user-agent": "agent", "x-pilothouse-user-id": "user", "x-pilothouse-session-id": "session",
            "x-pilothouse-environment": "environment",
        },
        "response_headers": {"x-provider": "p"}, "request_body": body[:8], "response_body": b"firstres",
        "request_size_bytes": len(body), "response_size_bytes": 9, "user_id": "user", "session_id": "session",
        "environment": "environment", "metadata": {"label": "1"}, "upstream_dialect": "upstream_dialect",
        "losses": ("seed: none there",), "schema_check": "", "withheld_body": b"", "fetched": (), "batch_id": "batch",
            "redacted": None, "whole": False, "cut": (), "told_cost_usd": "0.25",
            "told_price_version": "prices",
    }]  # fmt: skip
