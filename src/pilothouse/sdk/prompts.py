"""Prompts of the platform in the app: from a cache, brought up to date behind the app's back, and never in its way."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import requests
from opentelemetry import context

from pilothouse.domain.prompt import PRODUCTION, compiled, variables
from pilothouse.sdk.process import PROCESS
from pilothouse.sdk.sending import SUPPRESSED, TIMEOUT_S, as_it_is

FRESH_S: Final = 60.0
"""How long a prompt counts as new; after that it is still given at once, and asked for again behind."""
_MOST: Final = 1000
"""Prompts in the cache; the one that was fetched first makes room."""
_MISSING: Final = 404
_log = logging.getLogger("pilothouse.sdk")
Content = str | list[dict[str, Any]]


class PromptUnavailable(LookupError):
    """The platform has no such prompt, or does not answer, and there is neither an older copy nor a fallback."""


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a prompt."""

    name: str
    number: int = 0
    """0 of a fallback."""
    content: Content
    config: Any = None
    labels: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def is_fallback(self) -> bool:
        """Whether this is what the app gave for want of the platform's."""
        return self.number == 0

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of what is to be filled in, in their order."""
        return variables(self.content)

    def compile(self, **values: Any) -> Any:
        """Return the text, or the messages, with variables replaced; one without a value stays as it is."""
        return compiled(self.content, values)


class _Kept(msgspec.Struct):
    """A prompt in the cache."""

    prompt: Prompt
    fetched_at_s: float
    refreshing: bool = False


class Library:
    """The prompts that this process has asked for."""

    def __init__(self, now_s: Any = time.monotonic) -> None:
        self._now_s = now_s
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._lock = threading.Lock()

    def get(self, name: str, which: str, fresh_s: float) -> Prompt:
        """Return a prompt; blocks for `TIMEOUT_S` when it is not in the cache. Raises `PromptUnavailable`."""
        key = name, which
        with self._lock:
            held = self._kept.get(key)
            stale = held is not None and self._now_s() - held.fetched_at_s >= fresh_s
            behind = held is not None and stale and not held.refreshing
            if held is not None and behind:
                held.refreshing = True
        if held is None:
            return self._fetch(key)
        if behind:
            threading.Thread(target=self._refresh, args=(key,), name="pilothouse-prompt", daemon=True).start()
        return held.prompt

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._kept.clear()

    def _refresh(self, key: tuple[str, str]) -> None:
        try:
            self._fetch(key)
        except PromptUnavailable as error:
            _log.debug("the copy of %s stays: %s", key[0], error)
            with self._lock:
                held = self._kept.get(key)
                if held is not None:
                    # not again at the next call, or a platform that is away would be asked by every one
                    held.fetched_at_s, held.refreshing = self._now_s(), False

    def _fetch(self, key: tuple[str, str]) -> Prompt:
        prompt = _ask(*key)
        with self._lock:
            while len(self._kept) >= _MOST and key not in self._kept:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = _Kept(prompt, self._now_s())
        return prompt


LIBRARY: Final = Library()


def get_prompt(
    name: str,
    *,
    label: str = PRODUCTION,
    version: int | None = None,
    fallback: str | Sequence[Mapping[str, Any]] | None = None,
    fresh_s: float = FRESH_S,
) -> Prompt:
    """Return a prompt of the platform: the version with a label, or of a number.

    The first call for it asks the platform and waits for about two seconds at most; later ones are answered from the
    cache at once, and one older than `fresh_s` seconds is asked for again in the background. When the platform has no
    such prompt or does not answer, `fallback` is returned; without one, raises `PromptUnavailable`. Needs `init()`, and
    a key with the permission `read`.
    """
    try:
        return LIBRARY.get(name, label if version is None else str(version), fresh_s)
    except PromptUnavailable as error:
        if fallback is None:
            raise
        _log.debug("the fallback stands in for %s: %s", name, error)
        content = fallback if isinstance(fallback, str) else [dict(one) for one in fallback]
        return Prompt(name=name, content=content)


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A version as the platform tells it."""

    name: str
    number: int
    content: str | list[dict[str, Any]]
    config: Any = None
    labels: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def _ask(name: str, which: str) -> Prompt:
    outbox = PROCESS.outbox
    if outbox is None:
        raise PromptUnavailable("tracing is off, so the platform is not known; call init() first")
    wire = outbox.wire
    address = f"{wire.url}/api/v1/prompts/-/versions/{which}"
    token = context.attach(context.set_value(SUPPRESSED, True))
    try:
        answer = requests.get(
            address, params={"name": name, "composed": "true"}, headers=wire.credentials(),
            timeout=TIMEOUT_S, allow_redirects=False, auth=as_it_is,
        )  # fmt: skip
    except requests.RequestException as error:
        raise PromptUnavailable(f"{wire.url} does not answer") from error
    finally:
        context.detach(token)
    if answer.status_code == _MISSING:
        raise PromptUnavailable(f"there is no prompt {name!r} with {which!r}")
    if answer.status_code != 200:
        raise PromptUnavailable(f"{wire.url} answers {answer.status_code}")
    try:
        said = msgspec.json.decode(answer.content, type=_Answer)
    except msgspec.DecodeError as error:
        raise PromptUnavailable(f"{wire.url} answers what is no prompt") from error
    return Prompt(
        name=said.name, number=said.number, content=said.content, config=said.config, labels=said.labels,
        tags=said.tags,
    )  # fmt: skip
