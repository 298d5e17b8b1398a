"""Redaction: what a project does not write down."""

from datetime import datetime

import msgspec
from litestar import get, post, put
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pilothouse.domain.redaction.detectors import DETECTORS
from pilothouse.domain.redaction.policy import Policy
from pilothouse.errors import InvalidRequest
from pilothouse.server.callers import CallerDep
from pilothouse.server.parts import Parts
from pilothouse.server.views import at
from pilothouse.store.metadata.redaction import KeptPolicy

_SAMPLE_CHARS = 100_000


class DetectorView(msgspec.Struct, frozen=True):
    """A built-in detector."""

    name: str
    about: str
    sample: str
    """A made-up text that it finds."""


class RedactionView(msgspec.Struct, frozen=True):
    """What a project redacts before anything is written."""

    version: int
    """0 when it never had a policy."""
    policy: Policy
    changed_at: datetime | None
    changed_by: str
    """`person:<id>`, `key:<id>` or `local`; empty when it never had a policy."""
    detectors: list[DetectorView]
    """The built-in ones."""


class RedactionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another policy for a project."""

    version: int
    """Of the policy that it replaces, 0 for none; another one is refused with 412."""
    policy: Policy


class TryBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sample, and the policy to try on it."""

    text: str
    policy: Policy | None = None
    """None tries the one in force."""


class TryView(msgspec.Struct, frozen=True):
    """What a policy makes of a sample."""

    text: str
    hits: dict[str, int]
    """How often each rule found something."""


@get("/projects/{project_id:str}/redaction", operation_id="getRedaction", summary="Show a project's redaction policy")
async def show(parts: Parts, project_id: FromPath[str]) -> RedactionView:
    """Return what the project redacts, and the detectors there are."""
    return _view(await parts.registry.redaction.get(project_id))


@put("/projects/{project_id:str}/redaction", operation_id="putRedaction", summary="Set a project's redaction policy")
async def change(
    parts: Parts, caller: CallerDep, project_id: FromPath[str], data: JSONBody[RedactionBody]
) -> RedactionView:
    """Give the project another policy; it is in force for what arrives from within a second on."""
    kept = await parts.registry.redaction.put(project_id, data.policy, data.version, actor=caller.actor)
    return _view(kept)


@post(
    "/projects/{project_id:str}/redaction/try",
    operation_id="tryRedaction",
    summary="Try a redaction policy on a text",
    status_code=HTTP_200_OK,
)
async def try_out(parts: Parts, project_id: FromPath[str], data: JSONBody[TryBody]) -> TryView:
    """Return what a policy makes of a text; nothing of it is kept."""
    if len(data.text) > _SAMPLE_CHARS:
        raise InvalidRequest(f"a sample has {_SAMPLE_CHARS} characters at most", param="text")
    policies = parts.registry.redaction
    policy = (await policies.get(project_id)).stated.policy if data.policy is None else data.policy
    tried = policies.tried(project_id, policy, data.text)
    return TryView(tried.text, tried.hits)


def _view(kept: KeptPolicy) -> RedactionView:
    return RedactionView(
        version=kept.stated.version,
        policy=kept.stated.policy,
        changed_at=at(kept.changed_at_ns) if kept.changed_at_ns else None,
        changed_by=kept.changed_by,
        detectors=[DetectorView(one.name, one.about, one.sample) for one in DETECTORS.values()],
    )


HANDLERS = (show, change, try_out)
