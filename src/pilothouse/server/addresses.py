"""Which methods each address has: what Allow says, and what tells a wrong method from a wrong address."""

import re
from collections.abc import Collection, Iterable

_ANY_PAGE = "/{path}"


class Addresses:
    """The routes by the form of their path, the web UI's catch-all left out.

    `deep` are those paths whose last part may itself hold slashes.
    """

    def __init__(self, operations: Iterable[tuple[str, str]], deep: Collection[str] = ()) -> None:
        methods: dict[str, set[str]] = {}
        for method, path in operations:
            if path != _ANY_PAGE:
                methods.setdefault(path, {"OPTIONS"}).add(method)
        self._rows = [
            (_form(path, deep=path in deep), frozenset(found | _head(found))) for path, found in methods.items()
        ]

    def allow(self, path: str) -> str | None:
        """Return the value of Allow for a path, None when the API has no such address."""
        plain = path.rstrip("/") or "/"
        found: set[str] = set()
        for form, methods in self._rows:
            if form.fullmatch(plain):
                found |= methods
        return ", ".join(sorted(found)) or None


def _form(path: str, *, deep: bool) -> re.Pattern[str]:
    escaped = re.escape(path)
    if deep:
        escaped = re.sub(r"\\{\w+\\}$", ".+", escaped)
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", escaped))


def _head(methods: set[str]) -> set[str]:
    return {"HEAD"} if "GET" in methods else set()
