"""Everything of a request that is neither conversation nor tools."""

from typing import Any

from pilothouse.domain.chat import ChatRequest, OutputKind, Thinking
from pilothouse.domain.facts import ModelFacts, ThinkingStyle
from pilothouse.protocols import losses
from pilothouse.protocols.gemini import wire
from pilothouse.protocols.gemini.parts_out import PartWriter
from pilothouse.protocols.gemini.schema_out import OpenApi, json_schema, unheeded
from pilothouse.protocols.gemini.tools_out import plain_schema, takes_both

_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
_LEVELS = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_MOST_STOPS = 5
_SAMPLING = {"temperature": "temperature", "topP": "top_p", "topK": "top_k"}
_SEEDS = range(-(2**31), 2**31)
_TIERS = frozenset({"flex", "priority"})
_UNKNOWN = frozenset({"logit_bias", "verbosity", "prompt_cache_key", "prediction"})
_IMPOSSIBLE = frozenset({"previous_response_id", "background"})


class Knobs:
    """Writes one request's settings into `config`, Google's `generationConfig`, and `others`."""

    def __init__(self, request: ChatRequest, facts: ModelFacts, writer: PartWriter) -> None:
        self._request = request
        self._facts = facts
        self._lose = writer.lose
        self._own = request.dialect == wire.NAME
        self.config: dict[str, Any] = {}
        self.others: dict[str, Any] = {}
        self.loosened = False
        """Whether the answer is not held to all of the schema."""

    def write(self, *, formatted: bool) -> None:
        """Fill `config` and `others`; not `formatted` when a tool stands in for the form of the answer."""
        self._write_length()
        self._write_sampling()
        self._write_thinking()
        if formatted:
            self._write_format()
        self._write_modalities()
        self._write_others()
        self._note_losses()

    def _write_length(self) -> None:
        limit, most = self._request.max_output_tokens, self._facts.max_output_tokens
        if limit is not None and most is not None and limit > most:
            self._lose("max_output_tokens", f"the model answers with at most {most} tokens")
            limit = most
        if limit is not None:
            self.config["maxOutputTokens"] = limit
        stops = [stop for stop in self._request.stop if stop]
        if len(stops) > _MOST_STOPS and not self._own:
            self._lose("stop", f"Gemini takes {_MOST_STOPS} stop sequences at most", essential=True)
            stops = stops[:_MOST_STOPS]
        if stops:
            self.config["stopSequences"] = stops
        if self._request.choices > 1:
            self.config["candidateCount"] = self._request.choices

    def _write_sampling(self) -> None:
        sampling = self._request.sampling
        found = {
            "temperature": sampling.temperature,
            "topP": sampling.top_p,
            "topK": sampling.top_k,
            "frequencyPenalty": sampling.frequency_penalty,
            "presencePenalty": sampling.presence_penalty,
            "seed": sampling.seed,
        }
        if sampling.seed is not None and sampling.seed not in _SEEDS:
            self._lose("seed", "Gemini takes seeds of 32 bits")
            found["seed"] = None
        for name, setting in found.items():
            if setting is None:
                continue
            if name in _SAMPLING and not self._facts.sampling:
                self._lose(_SAMPLING[name], "the model does not take it")
            else:
                self.config[name] = setting
        if sampling.logprobs or sampling.top_logprobs:
            self.config["responseLogprobs"] = True
        if sampling.top_logprobs:
            self.config["logprobs"] = sampling.top_logprobs

    def _write_thinking(self) -> None:
        thinking, style = self._request.thinking, self._facts.thinking
        if thinking is None or thinking == Thinking():
            return
        if style is ThinkingStyle.NONE and not self._own:
            if thinking.enabled is not False and thinking.effort != "none":
                self._lose("thinking", "the model cannot be told how much to think")
            return
        off = thinking.enabled is False or thinking.effort == "none"
        told = self._off() if off else self._on(thinking)
        shown = thinking.shown
        if shown is None and not self._own and not off:
            shown = True
        if shown is not None:
            told["includeThoughts"] = shown
        if told:
            self.config["thinkingConfig"] = told

    def _off(self) -> dict[str, Any]:
        """Gemini 3 and the larger models of 2.5 cannot do without a thought."""
        if self._own:
            return {"thinkingBudget": 0}
        large = "pro" in self._request.model.lower()
        if self._facts.thinking is ThinkingStyle.BUDGET:
            if large:
                self._lose("thinking", "the model thinks at least a little")
            return {"thinkingBudget": 128 if large else 0}
        self._lose("thinking", "the model thinks at least a little")
        return {"thinkingLevel": "low" if large else "minimal"}

    def _on(self, thinking: Thinking) -> dict[str, Any]:
        if thinking.budget_tokens is not None and not (thinking.effort and self._own):
            return {"thinkingBudget": thinking.budget_tokens}
        if self._facts.thinking is ThinkingStyle.BUDGET and not self._own:
            if thinking.adaptive and not thinking.effort:
                return {"thinkingBudget": -1}
            return {"thinkingBudget": _BUDGETS[thinking.effort]} if thinking.effort in _BUDGETS else {}
        if self._own:
            return {"thinkingLevel": thinking.effort} if thinking.effort else self._dynamic(thinking)
        level = _LEVELS.get(thinking.effort, "")
        if level == "minimal" and "pro" in self._request.model.lower():
            level = "low"
        return {"thinkingLevel": level} if level else {}

    def _dynamic(self, thinking: Thinking) -> dict[str, Any]:
        return {"thinkingBudget": -1} if thinking.adaptive else {}

    def _write_format(self) -> None:
        output = self._request.output
        if output.kind is OutputKind.TEXT:
            return
        if not takes_both(self._request, self._facts):
            self._lose(
                "response_format", "the model does not take JSON mode and tools at once; it is told to answer so"
            )
            return
        self.config["responseMimeType"] = "application/json"
        if output.kind is not OutputKind.SCHEMA or output.schema is None:
            return
        if plain_schema(self._facts):
            self.config["responseJsonSchema"] = json_schema(output.schema)
            lost = unheeded(output.schema)
        else:
            written = OpenApi(output.schema)
            self.config["responseSchema"], lost = written.write(), written.lost
        if lost and not self._own:
            self.loosened = True
            self._lose("response_format", f"Gemini does not heed {', '.join(sorted(lost))} in a schema")

    def _write_modalities(self) -> None:
        speech = self._request.speech
        if speech is not None and wire.fields_of(speech.extra):
            self.config["speechConfig"] = wire.fields_of(speech.extra)
        wanted = [modality for modality in self._request.modalities if modality != "audio" or self._own]
        if len(wanted) < len(self._request.modalities):
            self._lose("modalities", "Gemini's voices and forms of sound are others", essential=True)
        if wanted and wanted != ["text"]:
            self.config["responseModalities"] = [modality.upper() for modality in wanted]

    def _write_others(self) -> None:
        request = self._request
        if request.service_tier in _TIERS or (self._own and request.service_tier):
            self.others["serviceTier"] = request.service_tier
        elif request.service_tier not in ("", "auto", "default"):
            self._lose("service_tier", f"Gemini has no tier {request.service_tier}")
        if self._own and request.labels:
            self.others["labels"] = request.labels
        elif request.labels:
            self._lose("metadata", "not every service of Google's takes it")
        if self._own and request.store is not None:
            self.others["store"] = request.store

    def _note_losses(self) -> None:
        request = self._request
        for field in losses.hints(request):
            if field in _UNKNOWN:
                self._lose(field, "Gemini has no such setting")
        if request.user_id:
            self._lose("user", "Gemini has no such setting")
        if request.store and not self._own:
            self._lose("store", "Gemini has no such setting")
        if request.parallel_tool_calls is False and request.tools:
            self._lose("parallel_tool_calls", "the model may call several tools at once")
        for field in losses.needs(request):
            if field in _IMPOSSIBLE:
                self._lose(field, "Gemini cannot do that", essential=True)
        for loss in losses.foreign(request, wire.NAME, "Gemini has no such field"):
            self._lose(loss.field, loss.reason, essential=loss.essential)
