"""Everything of a request that is neither conversation nor tools."""

import re
from typing import Any

from pilothouse.domain.chat import ChatRequest, OutputKind, Thinking
from pilothouse.domain.facts import ModelFacts, ThinkingStyle
from pilothouse.protocols import loose, losses
from pilothouse.protocols.bedrock_converse import wire
from pilothouse.protocols.bedrock_converse.blocks_out import BlockWriter
from pilothouse.protocols.closed_schema import closed, native

_MIN_BUDGET = 1024
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 32000}
_TIERS = frozenset({"default", "flex", "priority", "reserved"})
_MAX_LABELS = 16
_LABEL = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}")


def is_claude(request: ChatRequest, facts: ModelFacts) -> bool:
    """Return whether the target is one of Anthropic's models, also where a profile's name hides it."""
    return wire.is_claude(request.model) or facts.thinking in (ThinkingStyle.BUDGET, ThinkingStyle.ADAPTIVE)


class Knobs:
    """Writes one request's settings; the parts of the body are its attributes."""

    def __init__(self, request: ChatRequest, facts: ModelFacts, writer: BlockWriter) -> None:
        self._request = request
        self._facts = facts
        self._lose = writer.lose
        self._claude = is_claude(request, facts)
        self._thoughtless = False
        self.inference: dict[str, Any] = {}
        self.special: dict[str, Any] = {}
        """`additionalModelRequestFields`."""
        self.output: dict[str, Any] = {}
        self.others: dict[str, Any] = {}

    def write(self, tool_choice: dict[str, Any] | None, *, thoughtless: bool) -> None:
        """Fill the attributes; `tool_choice` is what the request says of it, None when it says nothing.

        Thinking and a tool that must be called exclude each other on Claude, and the tool stays. With `thoughtless` the
        last calls of tools were made without thinking, and Claude must not begin to think before they are done.
        """
        forced_tool = tool_choice is not None and "auto" not in tool_choice
        self._write_length()
        self._thoughtless = thoughtless
        thinks = self._write_thinking(forced_tool=forced_tool)
        self._write_sampling(thinks=thinks)
        self._write_format()
        self._write_parallel(tool_choice or {"auto": {}})
        self._write_tier_and_labels()
        self._note_losses()

    def _write_length(self) -> None:
        limit, most = self._request.max_output_tokens, self._facts.max_output_tokens
        if limit is not None and most is not None and limit > most:
            self._lose("max_output_tokens", f"the model answers with at most {most} tokens")
            limit = most
        if limit is not None:
            self.inference["maxTokens"] = limit
        stops = [stop for stop in self._request.stop if stop.strip() or not self._claude]
        if len(stops) < len(self._request.stop):
            self._lose("stop", "Claude takes no stop sequence of white space alone")
        if stops:
            self.inference["stopSequences"] = stops

    def _write_sampling(self, *, thinks: bool) -> None:
        sampling = self._request.sampling
        temperature = sampling.temperature
        if temperature is not None and temperature > 1:
            self._lose("temperature", "Bedrock goes up to 1")
            temperature = 1.0
        found = {"temperature": temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
        for name, setting in found.items():
            if setting is None:
                continue
            if not self._facts.sampling or (name == "top_k" and not self._facts.top_k):
                self._lose(name, "the model does not take it")
            elif thinks and name != "top_p" and setting != 1.0:
                self._lose(name, "a model that thinks does not take it")
            elif name == "top_k":
                self._write_top_k(sampling.top_k)
            else:
                self.inference["topP" if name == "top_p" else name] = setting

    def _write_top_k(self, top_k: int | None) -> None:
        if "amazon.nova" in self._request.model:
            self.special["inferenceConfig"] = {"topK": top_k}
        else:
            self.special["top_k"] = top_k

    def _write_thinking(self, *, forced_tool: bool) -> bool:
        """Return whether Claude will think."""
        thinking, style = self._request.thinking, self._facts.thinking
        if thinking is None or thinking == Thinking():
            return False
        if style is ThinkingStyle.NONE:
            if thinking.enabled is not False and thinking.effort != "none":
                self._lose("thinking", "the model cannot be told how much to think")
            return False
        if not self._claude:
            self._write_effort(thinking, style)
            return False
        if thinking.enabled is False or thinking.effort == "none":
            self.special["thinking"] = {"type": "disabled"}
            return False
        if forced_tool:
            self._lose("thinking", "Claude does not think when it must call a tool")
            return False
        told = thinking.budget_tokens is not None and not thinking.adaptive
        if style is ThinkingStyle.BUDGET or (style is None and told):
            return self._write_budget(thinking)
        return self._write_adaptive(thinking)

    def _write_effort(self, thinking: Thinking, style: ThinkingStyle | None) -> None:
        effort = thinking.effort or ("none" if thinking.enabled is False else "")
        if not effort:
            self._lose("thinking", "the model takes an effort, not a budget")
        elif style is ThinkingStyle.EFFORT:
            self.special["reasoning_effort"] = effort
        else:
            self.output["effort"] = effort

    def _write_adaptive(self, thinking: Thinking) -> bool:
        display = {} if thinking.shown is None else {"display": "summarized" if thinking.shown else "omitted"}
        # Bedrock's own callers may set an effort without any thinking.
        effort_only = thinking == Thinking(effort=thinking.effort) and self._request.dialect == wire.NAME
        if not effort_only:
            self.special["thinking"] = {"type": "adaptive", **display}
        if thinking.effort:
            self.output["effort"] = "low" if thinking.effort == "minimal" else thinking.effort
        if thinking.budget_tokens is not None and not thinking.effort:
            self._lose("thinking.budget_tokens", "the model decides itself how much it thinks")
        return not effort_only

    def _write_budget(self, thinking: Thinking) -> bool:
        if self._thoughtless:
            self._lose("thinking", "the tool calls at the end of the history come without Claude's signed thoughts")
            return False
        budget = thinking.budget_tokens or _BUDGETS.get(thinking.effort, _BUDGETS["medium"])
        budget = max(budget, _MIN_BUDGET)
        limit = self.inference.get("maxTokens")
        if limit is None:
            limit = budget + self._facts.default_output_tokens
            most = self._facts.max_output_tokens
            limit = self.inference["maxTokens"] = min(limit, most) if most is not None else limit
        if budget >= limit:
            if limit <= _MIN_BUDGET:
                self._lose(
                    "thinking", f"Claude thinks with {_MIN_BUDGET} tokens or more, which the limit leaves no room for"
                )
                return False
            self._lose("thinking.budget_tokens", "the budget must be below the limit of the answer")
            budget = limit - 1
        self.special["thinking"] = {"type": "enabled", "budget_tokens": budget}
        return True

    def _write_format(self) -> None:
        output = self._request.output
        if output.kind is OutputKind.SCHEMA and native(self._request, self._facts, wire.NAME):
            schema, told = output.schema or {"type": "object"}, set[str]()
            if self._request.dialect != wire.NAME:
                schema = closed(schema, told)
            if told:
                self._lose("response_format", f"{', '.join(sorted(told))} of the schema are asked for in words only")
            form: dict[str, Any] = {"schema": loose.ENCODER.encode(schema).decode()}
            form |= {"name": output.name} if output.name else {}
            form |= {"description": output.description} if output.description else {}
            self.output["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": form}}
        elif output.kind is OutputKind.JSON:
            self._lose("response_format", "Bedrock has no JSON mode without a schema; the model is told to answer so")

    def _write_parallel(self, tool_choice: dict[str, Any]) -> None:
        """Claude's own word for it overlays `toolChoice`, and so has to say the same again."""
        parallel = self._request.parallel_tool_calls
        if parallel is None or (parallel and self._request.dialect != wire.NAME) or not self._request.tools:
            return
        if self._claude:
            ((kind, more),) = tool_choice.items()
            self.special["tool_choice"] = {"type": kind, **more, "disable_parallel_tool_use": not parallel}
        else:
            self._lose("parallel_tool_calls", "the model may call several tools at once")

    def _write_tier_and_labels(self) -> None:
        tier = self._request.service_tier
        if tier in _TIERS:
            self.others["serviceTier"] = {"type": tier}
        elif tier not in ("", "auto"):
            self._lose("service_tier", f"Bedrock has no tier {tier}")
        labels: dict[str, str] = {}
        for key, said in self._request.labels.items():
            if len(labels) < _MAX_LABELS and _LABEL.fullmatch(key) and (not said or _LABEL.fullmatch(said)):
                labels[key] = said
            else:
                self._lose(f"metadata.{key}", f"Bedrock takes {_MAX_LABELS} plain texts of up to 256 characters")
        if labels:
            self.others["requestMetadata"] = labels

    def _note_losses(self) -> None:
        request = self._request
        for field in losses.hints(request):
            self._lose(field, "Converse has no such setting")
        if request.user_id:
            self._lose("user", "Converse has no such setting")
        for field in losses.needs(request):
            self._lose(field, "Converse cannot do that", essential=True)
