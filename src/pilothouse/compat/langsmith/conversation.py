"""What LangChain sends of a conversation, in the one form that conversations are read in."""

from typing import Any

from pilothouse.compat.langsmith.usage import fields, generations
from pilothouse.otlp.messages import Conversation, Message, answered, asked, tool_call, tools
from pilothouse.protocols.loose import listing, mapping, text

_ROLES = {
    "human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "tool",
    "HumanMessageChunk": "user", "AIMessageChunk": "assistant", "SystemMessageChunk": "system",
    "ToolMessageChunk": "tool",
}  # fmt: skip
_CLASSES = {
    "HumanMessage": "user", "AIMessage": "assistant", "SystemMessage": "system", "ToolMessage": "tool",
    "FunctionMessage": "tool", "HumanMessageChunk": "user", "AIMessageChunk": "assistant",
    "SystemMessageChunk": "system", "ToolMessageChunk": "tool", "ChatMessage": "", "ChatMessageChunk": "",
}  # fmt: skip
_PAIR = 2
_NO_PARAMETERS = frozenset({"tools", "functions", "messages", "model", "model_name", "_type", "stream", "streaming"})


def question(inputs: dict[str, Any], invocation: dict[str, Any]) -> str | None:
    """Return the inputs of a LangChain run as one conversation; None when they are not one in LangChain's form.

    `invocation` are the parameters with which the model was called.
    """
    prompts = inputs.get("prompts")
    if isinstance(prompts, list) and prompts and all(isinstance(prompt, str) for prompt in listing(prompts)):
        messages: list[Message] = [{"role": "user", "content": prompt} for prompt in listing(prompts)]
    elif set(inputs) == {"messages"}:
        messages = _messages(inputs["messages"])
    else:
        return None
    parameters = {name: value for name, value in invocation.items() if name not in _NO_PARAMETERS and value is not None}
    return asked(
        Conversation(
            messages=messages,
            tools=tools(invocation.get("tools") or invocation.get("functions")),
            parameters=parameters,
        )
    )


def reply(outputs: dict[str, Any]) -> str | None:
    """Return the outputs of a LangChain run as the messages that were answered; None in another form."""
    found = list(generations(outputs))
    if found:
        messages = [message for one in found if (message := _generated(one))]
        return answered(messages) if len(messages) == len(found) else None
    if set(outputs) == {"messages"}:
        return answered(_messages(outputs["messages"]))
    if set(outputs) == {"output"}:
        message = _message(outputs["output"])
        return answered([message]) if message else None
    return None


def finish_reason(outputs: dict[str, Any]) -> str | None:
    """Return why the model stopped."""
    for one in (*generations(outputs), *(mapping(choice) for choice in listing(outputs.get("choices")))):
        served = mapping(fields(one.get("message")).get("response_metadata"))
        for holder in (one, mapping(one.get("generation_info")), served):
            found = text(holder.get("finish_reason")) or text(holder.get("stop_reason"))
            if found:
                return found
    return text(outputs.get("stop_reason")) or None


def model_served(outputs: dict[str, Any]) -> str | None:
    """Return the model as the provider's answer names it."""
    for one in generations(outputs):
        served = mapping(fields(one.get("message")).get("response_metadata"))
        if found := text(served.get("model_name")) or text(served.get("model")):
            return found
    return text(mapping(outputs.get("llm_output")).get("model_name")) or text(outputs.get("model")) or None


def _messages(value: Any) -> list[Message]:
    """Return LangChain's messages, of one prompt or a list of them; empty when one is of another form."""
    found: list[Message] = []
    for held in listing(value):
        prompt: list[Any] = listing(held) if _pair(held) is None and isinstance(held, list) else [held]
        for one in prompt:
            message = _pair(one) or _message(one)
            if message is None:
                return []
            found.append(message)
    return found


def _pair(value: Any) -> Message | None:
    """Return a message that is said as its role and its text."""
    pair = listing(value)
    if len(pair) != _PAIR or not all(isinstance(item, str) for item in pair):
        return None
    role = _ROLES.get(pair[0], pair[0])
    return {"role": role, "content": pair[1]} if role in _ROLES.values() else None


def _message(value: Any) -> Message | None:
    held = mapping(value)
    said = fields(value)
    names = listing(held.get("id"))
    role = _CLASSES.get(text(names[-1])) if "lc" in held and names else _ROLES.get(text(said.get("type")))
    if role is None or "content" not in said:
        return None
    message: Message = {"role": role or text(said.get("role")) or "user", "content": said["content"]}
    for name in ("name", "tool_call_id"):
        if text(said.get(name)):
            message[name] = said[name]
    further = mapping(said.get("additional_kwargs"))
    calls = [tool_call(call.get("id"), call.get("name"), call.get("args")) for call in map(mapping, _calls(said))]
    if calls or further.get("tool_calls"):
        message["tool_calls"] = calls or further["tool_calls"]
    for name in ("reasoning_content", "refusal"):
        if text(further.get(name)):
            message[name] = further[name]
    return message


def _calls(said: dict[str, Any]) -> list[Any]:
    return [*listing(said.get("tool_calls")), *listing(said.get("invalid_tool_calls"))]


def _generated(one: dict[str, Any]) -> Message | None:
    if "message" in one:
        return _message(one["message"])
    return {"role": "assistant", "content": one["text"]} if isinstance(one.get("text"), str) else None
