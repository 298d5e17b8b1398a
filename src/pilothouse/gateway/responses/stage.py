"""Remember: the stage that gives a Responses call its past, and keeps its answer."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, cast

import msgspec

from pilothouse import instruments
from pilothouse.domain.responses import ENDED, BackgroundCall, EventGroup, KeptResponse
from pilothouse.errors import (
    BodyTooLarge,
    InvalidRequest,
    PilothouseError,
    PreviousResponseNotFound,
    UpstreamError,
    UpstreamInvalid,
    UpstreamNotFound,
)
from pilothouse.gateway.call import Admission, Call, Ending, Next, Reply, admitted
from pilothouse.gateway.index import Resolution
from pilothouse.gateway.responses import documents, history, mend
from pilothouse.gateway.responses.follow import follow
from pilothouse.gateway.responses.keeper import Keeper
from pilothouse.gateway.responses.mend import Mend
from pilothouse.protocols import json_body, openai_error
from pilothouse.protocols.base import EVENT_STREAM, JSON
from pilothouse.protocols.openai_responses import DIALECT
from pilothouse.protocols.openai_responses.head import ResponsesHead

_NANOSECONDS = 1_000_000_000
_STORED = b"x-pilothouse-stored"
_BACKGROUND = "background"
_CARRIED = ("user-agent", "openai-beta", "x-stainless-lang", "x-stainless-package-version", "x-stainless-runtime")
_CARRIED_PREFIX = "x-pilothouse-"


class HandedOn(Reply):
    """The answer to a call that is made later: it is recorded when it is made, and then once."""

    def end(self, ending: Ending) -> None:
        """Count the request as gone."""
        del ending
        if self.on_end is not None:
            self.on_end = None
            instruments.GATEWAY_OPEN_CALLS.inc(by=-1)


class Remember:
    """Acts on Responses calls alone; every other call passes at the cost of one comparison."""

    def __init__(self, keeper: Keeper | None) -> None:
        self._keeper = keeper

    def __call__(self, call: Call, following: Next) -> Awaitable[Reply]:
        """Pass on the call with its past.

        Raises `PreviousResponseNotFound`, `InvalidRequest` or `MetadataUnavailable`.
        """
        if call.arrival.dialect is not DIALECT or self._keeper is None:
            return following(call)
        return _Remembered(self._keeper, call).reply(following)


class _Remembered:
    """One Responses call."""

    def __init__(self, keeper: Keeper, call: Call) -> None:
        self._keeper = keeper
        self._call = call
        admission = admitted(call)
        if not isinstance(admission.head, ResponsesHead) or call.key is None:
            raise AssertionError("a Responses call without the head of one, or without a key")
        self._head = admission.head
        self._project_id, self._key_id = call.key.project_id, call.key.id
        self._run = keeper.runs.get(call.arrival.id) if call.arrival.key_id else None

    async def reply(self, following: Next) -> Reply:
        keeper, head, call = self._keeper, self._head, self._call
        if head.background and self._run is None:
            return await self._hand_on()
        call.kept = keeper.keeps and head.store is not False
        admission = admitted(call)
        if head.background:
            call.admission = admission = _with_body(admission, _without_background(admission.body))
        if not head.previous_response_id or not keeper.keeps:
            return await self._answered(await following(call), moved=False)
        reply = await self._continued(admission, head.previous_response_id, following)
        return await self._answered(reply, moved=admitted(call).body is not admission.body)

    async def _continued(self, admission: Admission, previous_id: str, following: Next) -> Reply:
        call, store = self._call, self._keeper.store
        earlier = await self._earlier(previous_id)
        pinned = _at_home(admission, earlier)
        if pinned is not None:
            body = admission.body
            if earlier.upstream_id != previous_id:
                body = history.continued(body, earlier.upstream_id)
            call.admission = msgspec.structs.replace(admission, body=body, resolution=pinned)
            try:
                return await following(call)
            except (UpstreamInvalid, UpstreamNotFound) as error:
                if not _forgotten(error):
                    raise
        most_bytes = self._keeper.options.max_body_bytes
        chain = await store.chain(self._project_id, previous_id, most_bytes)
        body = history.expanded(admission.body, chain, _reach(admission))
        if len(body) > most_bytes:
            raise InvalidRequest(
                f"the conversation up to {previous_id!r} is too long to be sent on: more than {most_bytes} bytes",
                param=history.PREVIOUS,
            )
        call.admission = _with_body(admission, body)
        return await following(call)

    async def _earlier(self, previous_id: str) -> KeptResponse:
        earlier = await self._keeper.store.get(self._project_id, previous_id)
        if earlier is None:
            raise PreviousResponseNotFound(
                f"Previous response with id '{previous_id}' not found.", param=history.PREVIOUS
            )
        if earlier.status not in ENDED:
            raise InvalidRequest(
                f"the previous response '{previous_id}' has not ended yet: it is {earlier.status}",
                param=history.PREVIOUS,
            )
        return earlier

    async def _answered(self, reply: Reply, *, moved: bool) -> Reply:
        """Return the answer as its caller is to see it, kept if it has come whole."""
        changes: dict[str, Any] = {}
        if self._run is not None:
            changes = {"id": self._run.response_id, _BACKGROUND: True, "store": True}
        elif self._call.kept and self._call.exchange.upstream_dialect:
            # The ids that other APIs give are not always unique.
            changes = {"id": f"resp_{self._call.arrival.id}", "store": True}
        if moved:
            changes[history.PREVIOUS] = self._head.previous_response_id
        mending = Mend(changes)
        if reply.rest is not None:
            return await self._streamed(reply, reply.rest, mending)
        if not await self._keep(reply.first, mending):
            reply.about.append((_STORED, b"false"))
        return _like(reply, mending.document(reply.first), None) if mending else reply

    async def _streamed(self, reply: Reply, rest: AsyncIterator[bytes], mending: Mend) -> Reply:
        if not await self._keep_final(reply.first, mending) or (self._keeps_itself and self._keeper.rests):
            reply.about.append((_STORED, b"false"))
        out = _like(reply, mending.events(reply.first), self._rest(rest, mending))
        if mending and reply.fail is not None:
            out.fail = _mended(reply.fail, mending)
        return out

    async def _rest(self, rest: AsyncIterator[bytes], mending: Mend) -> AsyncGenerator[bytes]:
        async with contextlib.aclosing(cast("AsyncGenerator[bytes]", rest)) as events:
            async for event in events:
                # before it goes out, so that whoever has it can ask for it
                await self._keep_final(event, mending)
                yield mending.events(event)

    async def _keep_final(self, events: bytes, mending: Mend) -> bool:
        document = mend.final(events)
        return document is None or await self._keep(document, mending)

    @property
    def _keeps_itself(self) -> bool:
        return self._call.kept and self._run is None

    async def _keep(self, document: bytes, mending: Mend) -> bool:
        """Keep an answer that is to be kept; False when it could not be."""
        call = self._call
        if not call.kept or call.routing is None:
            return True
        known = mend.read(document)
        account = call.routing.target.account
        # What the account says of itself counts: many that speak this dialect keep nothing.
        there = not call.exchange.upstream_dialect and self._head.store is not False and known.store is True
        upstream_id = (known.id or "") if there else ""
        if self._run is not None:
            self._run.account, self._run.upstream_id = account, upstream_id
            return True
        shown = mending.document(document)
        now_ns = self._keeper.clock.now_ns()
        return await self._keeper.keep(
            KeptResponse(
                project_id=self._project_id,
                id=mend.read(shown).id or "",
                key_id=self._key_id,
                created_at_ns=now_ns,
                expires_at_ns=self._keeper.expiry_ns(now_ns),
                previous_id=self._head.previous_response_id or "",
                account=account,
                upstream_id=upstream_id,
                status=known.status or "completed",
                input=history.own_input(call.body),
                document=shown,
            )
        )

    async def _hand_on(self) -> Reply:
        """Keep the call for whoever makes it, and answer that it is queued."""
        keeper, head, body = self._keeper, self._head, self._call.body
        if head.store is False or not keeper.keeps:
            why = "needs 'store'" if keeper.keeps else "needs gateway.responses_keep_days above 0 in this installation"
            raise InvalidRequest(f"a response in the background {why}", param=_BACKGROUND)
        if len(body) > keeper.options.responses_max_bytes:
            raise BodyTooLarge(f"in the background at most {keeper.options.responses_max_bytes} bytes are taken")
        if head.previous_response_id:
            await self._earlier(head.previous_response_id)
        response = self._queued()
        if not head.streamed:
            await keeper.store.put(response, self._background_call())
            keeper.wake()
            return HandedOn(200, [(b"content-type", JSON)], response.document)
        opening, last = documents.opening(response.document), documents.OPENING - 1
        await keeper.store.put(response, self._background_call(), EventGroup(0, last, opening))
        keeper.wake()
        rest = follow(keeper, response, last, self._call.arrival.id)
        return HandedOn(200, [(b"content-type", EVENT_STREAM)], opening, rest)

    def _queued(self) -> KeptResponse:
        arrival = self._call.arrival
        response_id = f"resp_{arrival.id}"
        return KeptResponse(
            project_id=self._project_id,
            id=response_id,
            key_id=self._key_id,
            created_at_ns=arrival.started_at_ns,
            expires_at_ns=self._keeper.expiry_ns(arrival.started_at_ns),
            previous_id=self._head.previous_response_id or "",
            status="queued",
            background=True,
            streamed=self._head.streamed,
            input=history.own_input(self._call.body),
            document=documents.queued(self._call.body, response_id, arrival.started_at_ns // _NANOSECONDS),
        )

    def _background_call(self) -> BackgroundCall:
        arrival = self._call.arrival
        named = {name.decode("latin-1"): value.decode("latin-1") for name, value in arrival.headers.items()}
        carried = {n: v for n, v in named.items() if n in _CARRIED or n.startswith(_CARRIED_PREFIX)}
        return BackgroundCall(
            call_id=arrival.id,
            trace_id=arrival.trace_id,
            parent_span_id=arrival.parent_span_id,
            path=DIALECT.path,
            headers=carried,
            body=self._call.body,
        )


def _with_body(admission: Admission, body: bytes) -> Admission:
    return msgspec.structs.replace(admission, body=body)


def _without_background(body: bytes) -> bytes:
    members = json_body.read_object(body)
    members.pop(_BACKGROUND, None)
    return msgspec.json.encode(members)


def _at_home(admission: Admission, earlier: KeptResponse) -> Resolution | None:
    """Return the targets at the account that keeps the earlier response itself; None when there is no way there."""
    deployment = admission.index.deployments.get(earlier.account)
    if not earlier.upstream_id or deployment is None or DIALECT.name not in deployment.provider.dialects:
        return None
    resolution = admission.resolution
    targets = tuple(target for target in resolution.targets if target.account == earlier.account)
    return msgspec.structs.replace(resolution, targets=targets) if targets else None


def _reach(admission: Admission) -> history.Reach:
    accounts = frozenset(target.account for target in admission.resolution.targets)
    spoken = [admission.index.deployments[name].provider.dialects for name in accounts]
    return history.Reach(accounts, native=any(DIALECT.name in names for names in spoken))


def _forgotten(error: UpstreamError) -> bool:
    """Return whether the provider says that it has not got the response to go on from."""
    found = openai_error.read_error(error.body)
    return found is not None and found.code == PreviousResponseNotFound.code


def _like(reply: Reply, first: bytes, rest: AsyncIterator[bytes] | None) -> Reply:
    out = Reply(reply.status, reply.headers, first, rest)
    out.about, out.fail = reply.about, reply.fail
    return out


def _mended(fail: Callable[[PilothouseError, str], bytes], mending: Mend) -> Callable[[PilothouseError, str], bytes]:
    def told(error: PilothouseError, request_id: str) -> bytes:
        return mending.events(fail(error, request_id))

    return told
