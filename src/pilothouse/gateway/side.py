"""The paths of the gateway that are not model calls: the model list, health and metrics."""

from collections.abc import Callable
from typing import Any

import msgspec

from pilothouse import instruments
from pilothouse.domain.clock import Clock
from pilothouse.errors import EndpointUnknown, MethodNotAllowed, ModelUnknown, PilothouseError
from pilothouse.gateway.admit import find_key
from pilothouse.gateway.call import Headers, Receive, Send
from pilothouse.gateway.index import Index
from pilothouse.gateway.resources import Resources
from pilothouse.gateway.router import bare
from pilothouse.protocols.cohere_chat import errors as cohere_errors
from pilothouse.protocols.openai_error import render_error

_JSON = b"application/json"
_TEXT = b"text/plain; version=0.0.4; charset=utf-8"
_MODELS = "/v1/models"
_MISTRAL = "/mistral/"
_SUCCESSORS = {"/v1/chat": "/v2/chat", "/v1/embed": "/v2/embed"}
"""Paths of the first version of Cohere's API, whose callers are told in their own form what to call."""


class Side:
    """Answers `/v1/models`, `/healthz`, `/readyz`, `/metrics` and resources, and tells of paths that do not exist."""

    def __init__(
        self,
        index: Callable[[], Index],
        clock: Clock,
        checks: Callable[[], dict[str, str | None]],
        serves: Callable[[], bool],
        resources: Resources | None = None,
    ) -> None:
        self._index = index
        self._clock = clock
        self._resources = resources
        self._serves = serves
        """Whether calls can be served at all."""
        self._checks = checks
        """Per part of the gateway None, or why it cannot do its job."""
        self._paths: dict[str, Callable[[dict[str, Any]], tuple[int, bytes, bytes]]] = {
            _MODELS: self._models,
            "/healthz": self._alive,
            "/readyz": self._ready,
            "/metrics": self._metrics,
        }

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send, allowed: str) -> None:
        """Answer one request; `allowed` names the method of a path that exists for another."""
        if self._resources is not None and not allowed and self._resources.has(scope["path"]):
            await self._resources(scope, receive, send)
            return
        try:
            status, content_type, body = self._answer(scope, allowed)
        except PilothouseError as error:
            render = cohere_errors.render_error if bare(scope["path"]) in _SUCCESSORS else render_error
            status, content_type, body = error.status, _JSON, render(error, "")
        headers: Headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
        if status == MethodNotAllowed.status:
            headers.append((b"allow", (allowed or "GET").encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _answer(self, scope: dict[str, Any], allowed: str) -> tuple[int, bytes, bytes]:
        path: str = scope["path"]
        if allowed:
            raise MethodNotAllowed(f"{path} takes {allowed}, not {scope['method']}")
        below = bare(path)
        answer = self._paths.get(below if below == _MODELS else path)
        if answer is None and below.startswith(f"{_MODELS}/"):
            answer = self._model
        successor = _SUCCESSORS.get(below)
        if successor is not None:
            raise EndpointUnknown(
                f"{path} is the first version of Cohere's API, which the gateway does not serve; call {successor}, in "
                "the SDK with ClientV2"
            )
        if answer is None:
            raise EndpointUnknown(
                f"the gateway has no path {path}; it serves /v1/chat/completions, /v1/responses, /v1/messages, "
                "/v1/embeddings, /v1/models and others, listed in the docs under Reference, HTTP"
            )
        if scope["method"] not in ("GET", "HEAD"):
            raise MethodNotAllowed(f"{path} takes GET, not {scope['method']}")
        return answer(scope)

    def _names(self, scope: dict[str, Any]) -> list[tuple[str, str]]:
        index = self._index()
        return index.callable_names(
            find_key(index, dict(scope["headers"]), self._clock.now_ns(), scope["query_string"])
        )

    def _models(self, scope: dict[str, Any]) -> tuple[int, bytes, bytes]:
        data = [_model(scope["path"], name, owner) for name, owner in self._names(scope)]
        return 200, _JSON, msgspec.json.encode({"object": "list", "data": data})

    def _model(self, scope: dict[str, Any]) -> tuple[int, bytes, bytes]:
        wanted = bare(scope["path"])[len(_MODELS) + 1 :]
        for name, owner in self._names(scope):
            if name == wanted:
                return 200, _JSON, msgspec.json.encode(_model(scope["path"], name, owner))
        raise ModelUnknown(f"no model {wanted!r} that this key may call; GET /v1/models lists them", param="model")

    def _alive(self, _scope: dict[str, Any]) -> tuple[int, bytes, bytes]:
        return 200, _JSON, b'{"status":"ok"}'

    def _ready(self, _scope: dict[str, Any]) -> tuple[int, bytes, bytes]:
        checks = self._checks()
        # A gateway that serves calls must stay in rotation, whatever else is wrong with it.
        status = "degraded" if any(checks.values()) else "ok"
        if not self._serves():
            status = "not ready"
        body = {"status": status, "parts": {name: why or "ok" for name, why in checks.items()}}
        return 503 if status == "not ready" else 200, _JSON, msgspec.json.encode(body)

    def _metrics(self, scope: dict[str, Any]) -> tuple[int, bytes, bytes]:
        index = self._index()
        find_key(index, dict(scope["headers"]), self._clock.now_ns())
        return 200, _TEXT, instruments.render().encode()


def _model(path: str, name: str, owner: str) -> dict[str, Any]:
    found: dict[str, Any] = {"id": name, "object": "model", "created": 0, "owned_by": owner}
    # Mistral's SDK takes no model without a kind and without word of what it can do.
    return {**found, "type": "base", "capabilities": {}} if path.startswith(_MISTRAL) else found
