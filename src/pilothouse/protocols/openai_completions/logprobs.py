"""Log probabilities: completions have lists side by side, chat has one object for each token."""

from typing import Any

from pilothouse.protocols.loose import mapping, number, objects, text


def to_chat(logprobs: Any) -> dict[str, Any] | None:
    """Return a completion's probabilities in chat's form; None when there are none."""
    found = mapping(logprobs)
    tokens: list[Any] = found.get("tokens") or []
    if not tokens:
        return None
    chances: list[Any] = found.get("token_logprobs") or []
    tops: list[Any] = found.get("top_logprobs") or []
    content: list[dict[str, Any]] = []
    for place, token in enumerate(tokens):
        top = mapping(tops[place]) if place < len(tops) else {}
        content.append(
            {
                **_one(text(token), chances[place] if place < len(chances) else None),
                "top_logprobs": [_one(other, chance) for other, chance in top.items()],
            }
        )
    return {"content": content, "refusal": None}


def _one(token: str, chance: Any) -> dict[str, Any]:
    return {"token": token, "logprob": chance, "bytes": list(token.encode(errors="replace"))}


def from_chat(content: Any, offset: int) -> dict[str, Any] | None:
    """Return chat's list of tokens in a completion's form, the first at that place in the text; None without any."""
    items = objects(content)
    if not items:
        return None
    tokens = [text(item.get("token")) for item in items]
    offsets: list[int] = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token)
    tops = [
        {text(top.get("token")): number(top.get("logprob")) for top in objects(item.get("top_logprobs"))}
        for item in items
    ]
    return {
        "tokens": tokens,
        "token_logprobs": [number(item.get("logprob")) for item in items],
        "top_logprobs": tops if any(tops) else None,
        "text_offset": offsets,
    }
