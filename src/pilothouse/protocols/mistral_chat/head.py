"""A request of Mistral's chat as the gateway sends it on to Mistral."""

from pilothouse.protocols import json_body, marks


def rewrite(body: bytes, *, model: str | None, ask_usage: bool = False) -> bytes:
    """Return the body with the model replaced; ids of calls that carry another vendor's mark lose it."""
    del ask_usage
    return marks.without_ids(json_body.rewrite(body, model=model, ask_usage=False))


def needs_canonical(body: bytes) -> bool:
    """Return whether the body could spell `model` twice, or holds the mark of another vendor."""
    return json_body.needs_canonical(body) or marks.in_ids(body)
