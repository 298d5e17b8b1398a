"""A completions stream into events."""

from typing import Any

from pilothouse.protocols.openai_chat.stream_in import StreamIn
from pilothouse.protocols.openai_completions.logprobs import to_chat


class CompletionsIn(StreamIn):
    """Reads a completions stream as the chat stream it amounts to."""

    def _take_choice(self, index: int, choice: dict[str, Any]) -> None:
        delta = {"content": choice.get("text")}
        chances = to_chat(choice.get("logprobs"))
        super()._take_choice(index, {"delta": delta, "logprobs": chances, "finish_reason": choice.get("finish_reason")})
