"""`@trace`: a span for each call of a function, with its arguments and its result."""

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar, cast, overload

import msgspec
from opentelemetry import trace as otel

from pilothouse.sdk.attributes import Kind
from pilothouse.sdk.capture import MOST_CHARS
from pilothouse.sdk.spans import OpenSpan, begin

P = ParamSpec("P")
R = TypeVar("R")
Function = Callable[..., Any]
_MOST_YIELDED: Final = 10_000
"""Items of a generator that are kept for the span's output."""
_NOT_SAID: Final = frozenset({"self", "cls"})


@overload
def trace(function: Callable[P, R], /) -> Callable[P, R]:
    """Trace with everything by default."""


@overload
def trace(
    *, name: str | None = None, kind: Kind | None = None, arguments: bool = True, result: bool = True
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Trace as said."""


def trace(
    function: Function | None = None,
    /,
    *,
    name: str | None = None,
    kind: Kind | None = None,
    arguments: bool = True,
    result: bool = True,
) -> Any:
    """Give each call of a function a span: plain and async functions, generators and async generators.

    `name` is the function's unless said. `arguments` and `result` say whether those are kept with the span.
    What the function raises is noted, and raised on.
    """

    def decorate(inner: Function) -> Function:
        return _wrapped(inner, _Work(name or _name(inner), kind, arguments, result, _signature(inner)))

    return decorate if function is None else decorate(function)


class _Work(msgspec.Struct, frozen=True):
    """What is known of a function before it is called."""

    name: str
    kind: Kind | None
    arguments: bool
    result: bool
    signature: inspect.Signature | None

    def opened(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> OpenSpan:
        found = begin(self.name, self.kind)
        if self.arguments and found.inner.is_recording():
            said = self._arguments(args, kwargs)
            if said:
                found.set(input=said)
        return found

    def answered(self, opened: OpenSpan, result: Any) -> None:
        if self.result and opened.inner.is_recording():
            opened.set(output=result)

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        if self.signature is None:
            return {**{str(place): value for place, value in enumerate(args)}, **kwargs}
        try:
            found = self.signature.bind(*args, **kwargs).arguments
        except TypeError:
            # the call itself is about to say so
            return {}
        first = next(iter(self.signature.parameters), "")
        return {name: value for name, value in found.items() if name != first or name not in _NOT_SAID}


class _Yielded:
    """What a generator gave so far, within bounds: joined when it is all text."""

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._chars = 0

    def add(self, item: Any) -> None:
        if len(self._items) < _MOST_YIELDED and self._chars <= MOST_CHARS:
            self._items.append(item)
            self._chars += len(item) if isinstance(item, str) else 0

    def all(self) -> Any:
        texts = [item for item in self._items if isinstance(item, str)]
        return "".join(texts) if texts and len(texts) == len(self._items) else self._items


def _wrapped(function: Function, work: _Work) -> Function:
    if inspect.isasyncgenfunction(function):
        return _async_generator(function, work)
    if inspect.iscoroutinefunction(function):
        return _coroutine(function, work)
    if inspect.isgeneratorfunction(function):
        return _generator(function, work)

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        with work.opened(args, kwargs) as opened:
            result = function(*args, **kwargs)
            work.answered(opened, result)
            return result

    return called


def _coroutine(function: Callable[..., Awaitable[Any]], work: _Work) -> Function:
    @wraps(function)
    async def called(*args: Any, **kwargs: Any) -> Any:
        with work.opened(args, kwargs) as opened:
            result = await function(*args, **kwargs)
            work.answered(opened, result)
            return result

    return called


def _generator(function: Callable[..., Generator[Any, Any, Any]], work: _Work) -> Function:
    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        opened, yielded = work.opened(args, kwargs), _Yielded()
        try:
            return (yield from _stepped(function(*args, **kwargs), opened, yielded))
        except BaseException as error:
            if not isinstance(error, GeneratorExit):
                opened.fail(error)
            raise
        finally:
            work.answered(opened, yielded.all())
            opened.inner.end()

    return called


def _stepped(inner: Generator[Any, Any, Any], opened: OpenSpan, yielded: _Yielded) -> Generator[Any, Any, Any]:
    """Run a generator step by step below its span, which must not be the current one of whoever reads it."""
    step, given = inner.send, cast("Any", None)
    while True:
        try:
            with _below(opened):
                item = step(given)
        except StopIteration as end:
            return end.value
        yielded.add(item)
        try:
            step, given = inner.send, (yield item)
        except GeneratorExit:
            with _below(opened):
                inner.close()
            raise
        except BaseException as error:  # noqa: BLE001 - border: it is the function's, which may catch it
            step, given = inner.throw, error


def _async_generator(function: Callable[..., AsyncGenerator[Any, Any]], work: _Work) -> Function:
    @wraps(function)
    async def called(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        opened, yielded = work.opened(args, kwargs), _Yielded()
        inner = function(*args, **kwargs)
        step, given = inner.asend, cast("Any", None)
        try:
            while True:
                try:
                    with _below(opened):
                        item = await step(given)
                except StopAsyncIteration:
                    return
                yielded.add(item)
                try:
                    step, given = inner.asend, (yield item)
                except GeneratorExit:
                    with _below(opened):
                        await inner.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - border: it is the function's, which may catch it
                    step, given = inner.athrow, error
        except BaseException as error:
            if not isinstance(error, GeneratorExit):
                opened.fail(error)
            raise
        finally:
            work.answered(opened, yielded.all())
            opened.inner.end()

    return called


def _below(opened: OpenSpan) -> Any:
    return otel.use_span(opened.inner, end_on_exit=False, record_exception=False, set_status_on_exception=False)


def _name(function: Function) -> str:
    found = getattr(function, "__qualname__", type(function).__qualname__)
    return found.rpartition("<locals>.")[2]


def _signature(function: Function) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None
