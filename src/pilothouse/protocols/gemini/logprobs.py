"""Chances of tokens: Gemini keeps chosen and likely ones in two lists, the domain has OpenAI's form."""

from typing import Any

from pilothouse.protocols import loose

_UNLIKELY = -9999.0


def read(result: Any) -> list[dict[str, Any]] | None:
    """Return the list of OpenAI's chat form of a decoded `logprobsResult`; None when it holds no token."""
    fields = loose.mapping(result)
    chosen = loose.objects(fields.get("chosenCandidates"))
    likely = [loose.objects(place.get("candidates")) for place in loose.objects(fields.get("topCandidates"))]
    likely += [[] for _ in range(len(chosen) - len(likely))]
    return [
        {**_read(token), "top_logprobs": [_read(other) for other in others]}
        for token, others in zip(chosen, likely, strict=False)
    ] or None


def _read(token: dict[str, Any]) -> dict[str, Any]:
    said = loose.text(token.get("token"))
    chance = loose.number(token.get("logProbability"))
    return {
        "token": said, "logprob": _UNLIKELY if chance is None else chance, "bytes": list(said.encode(errors="replace")),
    }  # fmt: skip


def write(listed: Any) -> dict[str, Any] | None:
    """Return the `logprobsResult` of OpenAI's list; None when it holds no token."""
    tokens = loose.objects(listed)
    if not tokens:
        return None
    return {
        "chosenCandidates": [_write(token) for token in tokens],
        "topCandidates": [
            {"candidates": [_write(other) for other in loose.objects(token.get("top_logprobs"))]} for token in tokens
        ],
    }


def _write(token: dict[str, Any]) -> dict[str, Any]:
    chance = loose.number(token.get("logprob"))
    return {"token": loose.text(token.get("token")), "logProbability": _UNLIKELY if chance is None else chance}
