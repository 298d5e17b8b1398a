"""A line on its way to a batch service, and its result on the way back."""

import logging

import msgspec

from pilothouse.domain.batch import NativeJob
from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.domain.usage import Usage
from pilothouse.errors import InternalError, PilothouseError
from pilothouse.gateway.options import GatewayOptions
from pilothouse.gateway.replies import status_of
from pilothouse.protocols import conversion
from pilothouse.protocols.base import NO_ASK, Dialect, Head
from pilothouse.protocols.conversion import Conversion
from pilothouse.providers.base import BatchResult, Provider

_log = logging.getLogger(__name__)

_SECOND_NS = 1_000_000_000
_TIER = "batch"


class Translator(msgspec.Struct, frozen=True):
    """How the lines of one job are brought into its dialect."""

    caller: Dialect
    spoken: Dialect
    job: NativeJob
    options: GatewayOptions
    facts: ModelFacts
    """Of the job's model."""

    def line(self, body: bytes, call_id: str) -> "Translation":
        """Return a line for its job; raises `InvalidRequest` for what its caller wrote."""
        head = self.caller.read_head(body, NO_ASK)
        if self.caller is self.spoken:
            model = self.job.model
            if model != head.model_name or self.caller.needs_canonical(body):
                body = self.caller.rewrite(body, model=model, ask_usage=False)
            return Translation(head, body)
        created_s = self.job.submitted_at_ns // _SECOND_NS
        task = conversion.Task(
            self.caller, self.spoken, body, NO_ASK, self.job.model, self.facts, call_id, created_s,
            refuses_off_schema=self.options.off_schema == "refuse",
        )  # fmt: skip
        converted = conversion.convert(task)
        if converted is None:
            raise AssertionError("a dialect was chosen that cannot be converted to")
        return Translation(head, converted.body, converted)


class Translation(msgspec.Struct, frozen=True):
    """One line in its job's dialect."""

    head: Head
    body: bytes
    converted: Conversion | None = None
    """None when the job is in the caller's own dialect."""

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What the provider did not get."""
        return self.converted.losses if self.converted is not None else ()

    @property
    def unsaid(self) -> tuple[Loss, ...]:
        """What of the answer, once it has been heard, the caller did not get."""
        return tuple(self.converted.unsaid) if self.converted is not None else ()

    @property
    def loses_much(self) -> bool:
        """Whether the provider would not answer what was asked."""
        return any(loss.essential for loss in self.losses)


class Heard(msgspec.Struct, frozen=True):
    """A result as the caller gets it, and what the record needs of it."""

    status: int
    body: bytes
    error: PilothouseError | None = None
    model: str = ""
    usage: Usage | None = None
    finish_reason: str = ""
    checked: str = ""
    withheld: bytes = b""
    """A whole answer that the caller does not get."""


def hear(result: BatchResult, sent: Translation, translator: Translator, provider: Provider, call_id: str) -> Heard:
    """Return a result in the caller's dialect, an error of the provider in the same words as a live call's."""
    caller, heard = translator.caller, Heard(result.status, b"")
    try:
        if result.status != 200:
            raise provider.failure(result.status, [], result.body)
        found = translator.spoken.read_reply(result.body)
        if found.error is not None:
            raise provider.failure(found.error.status or 200, [], found.error.raw)
        usage = msgspec.structs.replace(found.usage, tier=_TIER) if found.usage is not None else None
        heard = Heard(200, result.body, None, found.model, usage, found.finish_reason)
        if sent.converted is None:
            return heard
        body, check = sent.converted.reply(result.body), sent.converted.check
        heard = msgspec.structs.replace(heard, body=body, checked=check.told if check is not None else "")
        if check is not None and check.refusal is not None:
            heard = msgspec.structs.replace(heard, withheld=body)
            raise check.refusal
        return heard
    except PilothouseError as error:
        return _failed(heard, caller, error, call_id)
    except Exception:  # noqa: BLE001 - border: a dialect is a plug-in, and what it cannot read must not stop the batch
        _log.exception("the result of %s cannot be read", call_id)
        fault = InternalError(f"the gateway failed; its log has the cause under request id {call_id}")
        return _failed(msgspec.structs.replace(heard, withheld=result.body), caller, fault, call_id)


def _failed(heard: Heard, caller: Dialect, error: PilothouseError, call_id: str) -> Heard:
    status = caller.error_status(error, status_of(error))
    return msgspec.structs.replace(heard, status=status, body=caller.render_error(error, call_id), error=error)
