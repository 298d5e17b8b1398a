"""Taking one OpenTelemetry request in, whichever way it came: key, first look, spool, receipt."""

import asyncio
from collections.abc import Mapping

import msgspec

from pilothouse import instruments
from pilothouse.domain import envelope
from pilothouse.domain.access import Permission, VirtualKey
from pilothouse.domain.clock import Clock
from pilothouse.domain.envelope import OtlpTraces
from pilothouse.domain.receipt import Receipt, ReceiptOutcome
from pilothouse.domain.redaction.engine import Redactor, Tally
from pilothouse.errors import PilothouseError
from pilothouse.otlp import redacting
from pilothouse.otlp.answers import Signal, partial
from pilothouse.otlp.decode import Encoding, Received
from pilothouse.otlp.screen import Screened, screen
from pilothouse.otlp.signals import Rejected
from pilothouse.server.otlp.body import BodyReader, OpenBytes
from pilothouse.server.otlp.credentials import KeyRing, secret_of
from pilothouse.server.otlp.options import OtlpOptions
from pilothouse.server.otlp.receipts import Receipts
from pilothouse.server.otlp.surfaces import said_project, sender
from pilothouse.spool import SpoolWriter

_KINDS = {
    Signal.TRACES: envelope.OTLP_TRACES,
    Signal.LOGS: envelope.OTLP_LOGS,
    Signal.METRICS: envelope.OTLP_METRICS,
}
_THREAD_BYTES = 256 * 1024
"""From which size on a body is looked through outside the event loop."""


class Arrival(msgspec.Struct, frozen=True):
    """A request before its body has been read."""

    surface: str
    signal: Signal
    headers: Mapping[str, str]
    """Lower-case names."""
    encoding: Encoding = Encoding.PROTOBUF


class Door:
    """Takes requests in. What it has accepted is in the spool, whatever becomes of this process."""

    def __init__(
        self, spool: SpoolWriter, keys: KeyRing, receipts: Receipts, clock: Clock, options: OtlpOptions
    ) -> None:
        self.options = options
        self.keys = keys
        self.receipts = receipts
        self.bodies = BodyReader(options.max_body_bytes, options.body_timeout_s, OpenBytes(options.max_open_bytes))
        self._spool = spool
        self._clock = clock

    def problem(self) -> str | None:
        """Return None when telemetry can be taken in, else why not."""
        return self._spool.ping() or self.keys.ping()

    async def admit(self, arrival: Arrival) -> VirtualKey:
        """Return whose request it is; raises what `KeyRing.find` does."""
        try:
            return await self.keys.admit(secret_of(arrival.headers), Permission.INGEST)
        except PilothouseError as error:
            instruments.TELEMETRY_REQUESTS.inc(arrival.surface, arrival.signal, error.code)
            raise

    async def take(self, arrival: Arrival, key: VirtualKey, body: bytes) -> tuple[Rejected, ...]:
        """Keep the request's usable items durably and return the others.

        Raises `InvalidJson` or `InvalidRequest` for a body that is no such request at all, `SpoolFull` and `DiskFull`
        when it cannot be kept, `ShuttingDown`.
        """
        now_ns = self._clock.now_ns()
        received = Received(body, arrival.encoding, now_ns)
        if len(body) > _THREAD_BYTES:
            screened = await asyncio.to_thread(screen, arrival.signal, received)
        else:
            screened = screen(arrival.signal, received)
        if screened.accepted:
            name, version = sender(arrival.headers)
            redactor = self.keys.redactors.of(key.project_id)
            for part in screened.parts:
                if redactor is not None:
                    part = await _redacted(arrival, part, redactor)
                request = OtlpTraces(
                    project_id=key.project_id, key_id=key.id, received_at_ns=now_ns, surface=arrival.surface,
                    content_type=arrival.encoding, sdk_name=name, sdk_version=version,
                    said_project=said_project(arrival.headers), body=part,
                )  # fmt: skip
                await self._spool.append(_KINDS[arrival.signal], envelope.encode_otlp(request))
        instruments.TELEMETRY_BYTES.inc(arrival.signal, by=len(body))
        self._note(arrival, key, screened)
        return screened.rejected

    def told(self, project_id: str, text: str) -> str:
        """Return what may be written down of a text that a sender's own data may stand in."""
        redactor = self.keys.redactors.of(project_id)
        return text if redactor is None else redactor.text(text, Tally())

    async def keep(self, kind: str, payload: bytes) -> None:
        """Return once a record is in the spool; raises `SpoolFull`, `DiskFull` or `ShuttingDown`."""
        await self._spool.append(kind, payload)

    def refuse(self, arrival: Arrival, key: VirtualKey, error: PilothouseError) -> None:
        """Write down that the request was not taken."""
        instruments.TELEMETRY_REQUESTS.inc(arrival.surface, arrival.signal, error.code)
        row = self._row(arrival, key, ReceiptOutcome.REFUSED)
        self.receipts.note(
            msgspec.structs.replace(
                row, requests=1, reason=error.code, sample=self.told(key.project_id, error.detail)[:200]
            )
        )

    def _note(self, arrival: Arrival, key: VirtualKey, screened: Screened) -> None:
        told, _ = partial(screened.rejected)
        instruments.TELEMETRY_REQUESTS.inc(arrival.surface, arrival.signal, "partial" if told else "accepted")
        row = self._row(arrival, key, ReceiptOutcome.ACCEPTED)
        self.receipts.note(msgspec.structs.replace(row, requests=1, items=screened.accepted))
        for rejected in screened.rejected:
            self.receipts.note(
                msgspec.structs.replace(
                    row,
                    outcome=ReceiptOutcome.REJECTED,
                    reason=rejected.reason.value,
                    items=1,
                    sample=self.told(key.project_id, _sample(rejected)),
                )
            )

    def _row(self, arrival: Arrival, key: VirtualKey, outcome: ReceiptOutcome) -> Receipt:
        name, version = sender(arrival.headers)
        return Receipt(
            project_id=key.project_id, minute_ns=self._clock.now_ns(), surface=arrival.surface, signal=arrival.signal,
            sdk_name=name, sdk_version=version, outcome=outcome,
        )  # fmt: skip


async def _redacted(arrival: Arrival, body: bytes, redactor: Redactor) -> bytes:
    if len(body) > _THREAD_BYTES:
        return await asyncio.to_thread(redacting.redacted, arrival.signal, arrival.encoding, body, redactor)
    return redacting.redacted(arrival.signal, arrival.encoding, body, redactor)


def _sample(rejected: Rejected) -> str:
    span = f"span {rejected.span_id}" if rejected.span_id else f"item {rejected.index}"
    return f"{span}: {rejected.detail}"[:200] if rejected.detail else span
