"""A request to one of Mistral's agents, which it names where a chat names its model."""

import msgspec
from msgspec import UNSET, UnsetType

from pilothouse.protocols import json_body, marks
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.heads import StreamingHead
from pilothouse.protocols.loose import ENCODER

AGENT = "agent_id"


class AgentHead(StreamingHead, frozen=True):
    """The fields that the gateway reads."""

    agent_id: str | UnsetType = UNSET

    @property
    def model_name(self) -> str:
        """The agent, as `account/agent`; empty when the request names none."""
        return self.agent_id if self.agent_id is not UNSET else ""


_DECODER = msgspec.json.Decoder(AgentHead)


def read_head(body: bytes, _ask: Ask = NO_ASK) -> AgentHead:
    """Return the head of a request; raises `InvalidJson` or `InvalidRequest`."""
    return json_body.read(body, _DECODER)


def needs_canonical(body: bytes) -> bool:
    """Return whether the body could name the agent more than once, or holds the mark of another vendor.

    An escaped spelling has at least one of the letters as `\\u00xx`.
    """
    if body.count(b'"agent_id"') != 1 or b"\\u00" in body or marks.in_ids(body):
        return True
    return any(key != AGENT and key.lower() == AGENT for key in json_body.read_object(body))


def rewrite(body: bytes, *, model: str | None, ask_usage: bool = False) -> bytes:
    """Return the body with one agent, the one that is given, and every other value as it was; raises `InvalidJson`."""
    del ask_usage
    members = {key: value for key, value in json_body.read_object(body).items() if key == AGENT or key.lower() != AGENT}
    if model is not None:
        members[AGENT] = msgspec.Raw(ENCODER.encode(model))
    return marks.without_ids(ENCODER.encode(members))
