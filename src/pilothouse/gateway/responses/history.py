"""The input of a request that goes on from an earlier response, put together from what is kept."""

from collections.abc import Iterator, Sequence

import msgspec

from pilothouse.domain.responses import KeptResponse
from pilothouse.errors import InvalidRequest
from pilothouse.protocols import json_body, marks

PREVIOUS = "previous_response_id"

_Item = dict[str, msgspec.Raw]

_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_ITEM = msgspec.json.Decoder(_Item)
_ENCODER = msgspec.json.Encoder()
_OWN = frozenset({"message", "function_call", "custom_tool_call", "reasoning"})
"""Kinds of items that stand without an id; those of built-in tools do not."""
_CALLS = frozenset({"function_call", "custom_tool_call"})


class _Known(msgspec.Struct):
    type: str = "message"
    status: str | None = None
    encrypted_content: str | None = None


class _Document(msgspec.Struct):
    output: list[msgspec.Raw] = []


_KNOWN = msgspec.json.Decoder(_Known)
_DOCUMENT = msgspec.json.Decoder(_Document)


class Reach(msgspec.Struct, frozen=True):
    """Where the history may go to, as far as it matters for what can be sent there."""

    accounts: frozenset[str]
    native: bool
    """Whether any of them speaks the Responses dialect itself."""


def own_input(body: bytes) -> bytes:
    """Return what the caller sent as `input`, as JSON."""
    return bytes(json_body.read_object(body).get("input", b"[]"))


def items_of(sent: bytes) -> list[msgspec.Raw]:
    """Return an `input` as items; a text is the user's one message. Raises `InvalidRequest`."""
    if sent.lstrip()[:1] == b'"':
        return [msgspec.Raw(b'{"type":"message","role":"user","content":' + sent + b"}")]
    try:
        return _LIST.decode(sent)
    except msgspec.DecodeError as error:
        raise InvalidRequest("input must be a string or a list of items", param="input") from error


def continued(body: bytes, upstream_id: str) -> bytes:
    """Return the body going on from the response that the account itself keeps under the id."""
    members = json_body.read_object(body)
    members[PREVIOUS] = msgspec.Raw(_ENCODER.encode(upstream_id))
    return _ENCODER.encode(members)


def expanded(body: bytes, chain: Sequence[KeptResponse], reach: Reach) -> bytes:
    """Return the body with everything said so far in front of its input, oldest first, and no previous response."""
    members = json_body.read_object(body)
    del members[PREVIOUS]
    sent = members.get("input")
    # a null stands for nothing said
    new = [] if sent is None or bytes(sent) == b"null" else items_of(bytes(sent))
    members["input"] = msgspec.Raw(_ENCODER.encode([*history(chain, reach), *new]))
    return _ENCODER.encode(members)


def history(chain: Sequence[KeptResponse], reach: Reach) -> Iterator[msgspec.Raw]:
    """Yield every item that was sent or answered in a chain, in the form in which it can be sent again."""
    for response in chain:
        at_home = reach.accounts == frozenset((response.account,))
        for item in (*items_of(response.input), *_output(response)):
            again = _again(item, reach, at_home=at_home)
            if again is not None:
                yield again


def _output(response: KeptResponse) -> list[msgspec.Raw]:
    try:
        return _DOCUMENT.decode(response.document).output
    except msgspec.DecodeError:
        return []


def _again(item: msgspec.Raw, reach: Reach, *, at_home: bool) -> msgspec.Raw | None:
    """Return an item without the id by which only its own backend knows it; None for one that cannot go there."""
    try:
        known = _KNOWN.decode(item)
        members = _ITEM.decode(item)
    except msgspec.DecodeError:
        # What is no item is refused where the whole request is read.
        return item
    if known.type in _CALLS and known.status == "incomplete":
        return None
    if known.type == "reasoning" and not _may_think(known.encrypted_content or "", reach, at_home=at_home):
        return None
    if known.type not in _OWN and not known.type.endswith("_output"):
        return item
    members.pop("id", None)
    members.pop("status", None)
    return msgspec.Raw(_ENCODER.encode(members))


def _may_think(sealed: str, reach: Reach, *, at_home: bool) -> bool:
    """Return whether a thought can be given back: a sealed one only to who sealed it."""
    if not sealed or marks.is_packed(sealed):
        return not reach.native
    return at_home
