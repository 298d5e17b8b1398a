"""What many lists share: time ranges, paging, and parameters nobody knows."""

import base64
import binascii
import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec
from litestar import Litestar
from litestar.constants import RESERVED_KWARGS
from litestar.di import NamedDependency, Provide
from litestar.handlers import BaseRouteHandler
from litestar.params import ParameterKwarg, QueryParameter, SkipValidation
from litestar.routes import HTTPRoute
from litestar.utils.signature import ParsedSignature

from pilothouse.errors import InvalidRequest
from pilothouse.server import scope
from pilothouse.server.parts import Parts
from pilothouse.server.scope import Connection
from pilothouse.server.views import at, to_ns

_DEFAULT_RANGE = timedelta(hours=24)
MAX_LIMIT = 200
MAX_TEXT = 1_000
_MAX_DIGITS = 9
_LIMIT = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 50}
T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

From = Annotated[str, QueryParameter(name="from", description="Start, RFC 3339; 24 hours before `to` when left out.")]
To = Annotated[str, QueryParameter(name="to", description="End, RFC 3339; now when left out.")]
Limit = Annotated[
    str,
    QueryParameter(name="limit", schema_extra=_LIMIT),
]
Asked = Annotated[str, QueryParameter(name="q", description="A query, see docs/reference/query.md.")]
Cursor = Annotated[str, QueryParameter(name="cursor", description="`next_cursor` of the page before.")]


class TimeRange(msgspec.Struct, frozen=True):
    """A range of time, start included, end excluded."""

    from_at: datetime
    to_at: datetime


class Paging(msgspec.Struct, frozen=True):
    """Which page of a list."""

    limit: int
    cursor: str


async def time_range(parts: Parts, range_from: From = "", range_to: To = "") -> TimeRange:
    """Read `from` and `to`; raises `InvalidRequest` when one is not a time or they are the wrong way round."""
    to_at = moment(range_to, "to") if range_to else at(parts.clock.now_ns())
    from_at = moment(range_from, "from") if range_from else to_at - _DEFAULT_RANGE
    if from_at > to_at:
        raise InvalidRequest(f"`from` ({range_from}) is after `to` ({range_to or 'now'}).", param="from")
    return TimeRange(from_at, to_at)


async def paging(limit: Limit = "50", cursor: Cursor = "") -> Paging:
    """Read `limit` and `cursor`; raises `InvalidRequest` when the limit is not a number from 1 to 200."""
    return Paging(whole(limit, "limit", 1, MAX_LIMIT), cursor)


def whole(text: str, param: str, least: int, most: int) -> int:
    """Return the whole number of a parameter; raises `InvalidRequest` that names it when it is none within bounds."""
    digits = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    if not (digits and least <= int(text) <= most):
        raise InvalidRequest(
            f"`{param}` must be a whole number from {least} to {most}, not {text[:20]!r}.", param=param
        )
    return int(text)


def one_of(kind: type[E], text: str, param: str) -> E:
    """Return the member that a parameter names; raises `InvalidRequest` that names the parameter and all members."""
    try:
        return kind(text)
    except ValueError:
        raise InvalidRequest(f"`{param}` must be one of {', '.join(kind)}, not {text[:40]!r}.", param=param) from None


def checked_text(text: str, least: int = 0, most: int = MAX_TEXT) -> str:
    """Return what is searched for; raises `InvalidRequest` when its characters are too few or too many."""
    if not least <= len(text) <= most:
        raise InvalidRequest(f"`text` must have from {least} to {most} characters.", param="text")
    return text


def moment(text: str, param: str) -> datetime:
    """Return the aware time of an RFC 3339 text; raises `InvalidRequest` that names the parameter."""
    # A raw `+` of a zone offset arrives as a space, because that is what it means in a query string.
    try:
        value = msgspec.convert(text.replace(" ", "+") if "T" in text else text, datetime)
    except msgspec.ValidationError:
        value = None
    if value is None or value.tzinfo is None:
        raise InvalidRequest(
            f"`{param}` must be a time in RFC 3339 form with a zone, such as 2026-01-31T09:30:00Z, not {text[:40]!r}.",
            param=param,
        )
    return value


def told_ns(value: datetime | None, name: str) -> int | None:
    """Return nanoseconds since the epoch of a time in a body; raises `InvalidRequest` for one without a zone."""
    if value is not None and value.tzinfo is None:
        raise InvalidRequest(f"`{name}` needs a zone, such as 2026-01-31T09:30:00Z.", param=f"/{name}")
    return None if value is None else to_ns(value)


async def refuse_unknown_parameters(connection: Connection, _: BaseRouteHandler) -> None:
    """Refuse a query parameter that the operation does not have: a mistyped filter must not show everything."""
    known: dict[tuple[str, str], frozenset[str]] = connection.app.state["known"]
    names = known.get((scope.values(connection)["method"], scope.route(connection)))
    if names is None:
        return
    for name in connection.query_params:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            shown = name[:40]
            raise InvalidRequest(f"There is no query parameter `{shown}` here{hint}", param=shown)


def known_parameters(app: Litestar) -> dict[tuple[str, str], frozenset[str]]:
    """Return the names that each documented operation knows in its query, by method and path."""
    known: dict[tuple[str, str], frozenset[str]] = {}
    for route in app.routes:
        handlers = route.route_handlers if isinstance(route, HTTPRoute) else ()
        for handler in handlers:
            if handler.resolve_include_in_schema():
                names = frozenset(_asked(handler.parsed_fn_signature, handler.resolve_dependencies()))
                asked = names - route.path_parameters.keys()
                known |= {(method, route.path_format): asked for method in handler.http_methods}
    return known


def _asked(signature: ParsedSignature, given: Mapping[str, Provide]) -> Iterator[str]:
    for name, field in signature.parameters.items():
        if name in given:
            yield from _asked(given[name].parsed_fn_signature, given)
        elif name not in RESERVED_KWARGS:
            said = field.kwarg_definition
            if isinstance(said, QueryParameter):
                yield said.name or name
            elif not isinstance(said, ParameterKwarg):
                yield name


def cut(items: Sequence[T], page: Paging, id_of: Callable[[T], str]) -> tuple[list[T], str | None]:
    """Return one page of a short list that is wholly at hand, and the cursor of the next page."""
    start = 0
    if page.cursor:
        wanted = _decode(page.cursor)
        start = next((index + 1 for index, item in enumerate(items) if id_of(item) == wanted), -1)
        if start < 0:
            raise InvalidRequest("`cursor` is not one that this list gave, or its item is gone.", param="cursor")
    chosen = list(items[start : start + page.limit])
    more = start + page.limit < len(items)
    return chosen, base64.urlsafe_b64encode(id_of(chosen[-1]).encode()).decode() if more else None


def before_ns(page: Paging) -> int | None:
    """Return before when what a page shows was, of a list that begins with the newest; None on the first page."""
    return to_ns(moment(page.cursor, "cursor")) if page.cursor else None


def newest(found: Sequence[T], page: Paging, at_ns: Callable[[T], int]) -> tuple[list[T], str | None]:
    """Return a page of such a list, of which one more than its limit was asked for, and the cursor of the next page."""
    shown = list(found[: page.limit])
    return shown, at(at_ns(shown[-1])).isoformat() if len(found) > page.limit else None


def _decode(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor.encode()).decode()
    except (binascii.Error, ValueError):
        return ""


PageDep = NamedDependency[SkipValidation[Paging]]
RangeDep = NamedDependency[SkipValidation[TimeRange]]
