"""Everything of a request that is neither conversation nor tools."""

from typing import Any

from pilothouse.domain.chat import ChatRequest, OutputKind, Thinking
from pilothouse.domain.facts import ModelFacts, ThinkingStyle
from pilothouse.protocols import loose, losses
from pilothouse.protocols.anthropic_messages import wire
from pilothouse.protocols.anthropic_messages.blocks_out import BlockWriter
from pilothouse.protocols.closed_schema import closed, native

_MIN_BUDGET = 1024
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 32000}
_LEAST_TOP_P = 0.95


class Knobs:
    """Writes one request's settings into `body`."""

    def __init__(self, request: ChatRequest, facts: ModelFacts, writer: BlockWriter) -> None:
        self._request = request
        self._facts = facts
        self._lose = writer.lose
        self._own = request.dialect == wire.NAME
        self._config: dict[str, Any] = {}
        """`output_config`."""
        self.body: dict[str, Any] = {}

    def write(self, *, forced_tool: bool, thoughtless_call: bool) -> None:
        """Fill `body`; thinking and a forced tool exclude each other, and the tool stays."""
        self._write_length()
        thinks = self._write_thinking(forced_tool=forced_tool, thoughtless_call=thoughtless_call)
        self._write_sampling(thinks=thinks)
        self._write_format()
        self._write_others()
        self._note_losses()
        if self._config:
            self.body["output_config"] = self._config

    def _write_length(self) -> None:
        limit, most = self._request.max_output_tokens, self._facts.max_output_tokens
        if limit is not None and most is not None and limit > most:
            self._lose("max_output_tokens", f"the model answers with at most {most} tokens")
            limit = most
        default = self._facts.default_output_tokens
        self.body["max_tokens"] = limit if limit is not None else (min(default, most) if most is not None else default)
        stops = [stop for stop in self._request.stop if stop.strip()]
        if len(stops) < len(self._request.stop):
            self._lose("stop", "Anthropic takes no stop sequence of white space alone")
        if stops:
            self.body["stop_sequences"] = stops

    def _write_thinking(self, *, forced_tool: bool, thoughtless_call: bool) -> bool:
        """Return whether Claude will think."""
        thinking, style = self._request.thinking, self._facts.thinking
        if thinking is None or thinking == Thinking():
            return False
        if style is ThinkingStyle.NONE:
            if thinking.enabled is not False and thinking.effort != "none":
                self._lose("thinking", "the model cannot be told how much to think")
            return False
        if thinking.enabled is False or thinking.effort == "none":
            self.body["thinking"] = {"type": "disabled"}
            self._write_effort(thinking)
            return False
        if forced_tool:
            self._lose("thinking", "Claude does not think when it must call a tool")
            if style is ThinkingStyle.ADAPTIVE:
                self._write_effort(thinking)
            return False
        told = thinking.budget_tokens is not None and not thinking.adaptive
        if style is ThinkingStyle.BUDGET or (style is None and told):
            if thoughtless_call and not self._own:
                self._lose("thinking", "Claude does not think on when a call in the history has lost its thoughts")
                return False
            return self._write_budget(thinking)
        return self._write_adaptive(thinking)

    def _write_effort(self, thinking: Thinking) -> None:
        if thinking.effort not in ("", "none"):
            self._config["effort"] = "low" if thinking.effort == "minimal" else thinking.effort

    def _display(self, thinking: Thinking) -> dict[str, Any]:
        return {} if thinking.shown is None else {"display": "summarized" if thinking.shown else "omitted"}

    def _write_adaptive(self, thinking: Thinking) -> bool:
        # Callers of this dialect may set an effort without any thinking.
        effort_only = self._own and thinking.enabled is None
        if not effort_only:
            self.body["thinking"] = {"type": "adaptive", **self._display(thinking)}
        self._write_effort(thinking)
        budget = thinking.budget_tokens
        if budget is not None and not thinking.effort:
            self._lose("thinking.budget_tokens", "the model decides itself how much it thinks; an effort is sent")
            fitting = [effort for effort, tokens in _BUDGETS.items() if tokens >= budget and effort != "minimal"]
            self._config["effort"] = fitting[0] if fitting else "max"
        return not effort_only

    def _write_budget(self, thinking: Thinking) -> bool:
        if self._own and thinking.enabled is None:
            self._write_effort(thinking)
            return False
        budget = max(thinking.budget_tokens or _BUDGETS.get(thinking.effort, _BUDGETS["medium"]), _MIN_BUDGET)
        limit: int = self.body["max_tokens"]
        if self._request.max_output_tokens is None:
            most = self._facts.max_output_tokens
            limit = max(limit, budget + self._facts.default_output_tokens)
            limit = self.body["max_tokens"] = min(limit, most) if most is not None else limit
        if budget >= limit:
            if limit <= _MIN_BUDGET:
                reason = f"Claude thinks with {_MIN_BUDGET} tokens or more, which the limit leaves no room for"
                self._lose("thinking", reason)
                return False
            self._lose("thinking.budget_tokens", "the budget must be below the limit of the answer")
            budget = limit - 1
        self.body["thinking"] = {"type": "enabled", "budget_tokens": budget, **self._display(thinking)}
        if thinking.budget_tokens is not None:
            self._write_effort(thinking)
        return True

    def _write_sampling(self, *, thinks: bool) -> None:
        sampling = self._request.sampling
        temperature, top_p = sampling.temperature, sampling.top_p
        if temperature is None and top_p is None and sampling.top_k is None:
            return
        if temperature is not None and not 0 <= temperature <= 1:
            self._lose("temperature", "Anthropic goes from 0 to 1")
            temperature = min(max(temperature, 0.0), 1.0)
        if temperature is not None and top_p is not None and not self._own:
            self._lose("top_p", "Claude takes a temperature or top_p, not both")
            top_p = None
        found = {"temperature": temperature, "top_p": top_p, "top_k": sampling.top_k}
        for name, setting in found.items():
            if setting is None:
                continue
            if not self._facts.sampling or (name == "top_k" and not self._facts.top_k):
                self._lose(name, "the model does not take it")
            elif thinks and not (setting >= _LEAST_TOP_P if name == "top_p" else setting == 1 and name != "top_k"):
                self._lose(name, "a model that thinks does not take it")
            else:
                self.body[name] = setting

    def _write_format(self) -> None:
        output = self._request.output
        if output.kind is OutputKind.SCHEMA and native(self._request, self._facts, wire.NAME):
            schema, told = output.schema or {"type": "object"}, set[str]()
            if not self._own:
                schema = closed(schema, told)
            if told:
                self._lose("response_format", f"{', '.join(sorted(told))} of the schema are asked for in words only")
            self._config["format"] = {"type": "json_schema", "schema": schema}
        elif output.kind is OutputKind.JSON:
            self._lose("response_format", "Anthropic has no JSON mode without a schema; the model is told to answer so")

    def _write_others(self) -> None:
        request = self._request
        if request.user_id:
            self.body["metadata"] = {"user_id": loose.clean(request.user_id)}
        if request.service_tier in ("default", "auto"):
            self.body["service_tier"] = "standard_only" if request.service_tier == "default" else "auto"
        elif request.service_tier:
            self._lose("service_tier", f"Anthropic has no tier {request.service_tier}")
        if request.streamed:
            self.body["stream"] = True

    def _note_losses(self) -> None:
        request = self._request
        for field in losses.hints(request):
            self._lose(field, "Anthropic has no such setting")
        if request.labels:
            self._lose("metadata", "Anthropic has no such setting")
        for field in losses.needs(request):
            self._lose(field, "Anthropic cannot do that", essential=True)
        for loss in losses.foreign(request, wire.NAME, "Anthropic has no such field"):
            self._lose(loss.field, loss.reason, essential=loss.essential)
