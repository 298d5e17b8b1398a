"""What names, URLs, secrets, models and times may look like; every rule raises `InvalidRequest` with its field."""

import re
from collections.abc import Sequence

from pilothouse.domain.access import Permission
from pilothouse.domain.snapshot import Target
from pilothouse.errors import InvalidRequest

_ACCOUNT_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_ALIAS_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,126}[A-Za-z0-9])?")
_EMAIL = re.compile(r"[^@\s,;<>()\"\\]{1,64}@[^@\s,;<>()\"\\]{1,189}")
_MAX_NAME_CHARS = 100
_MAX_MODEL_CHARS = 256
_MAX_LIST = 1000
_MAX_TARGETS = 100
_MAX_WEIGHT = 1_000_000
_MAX_SECRET_CHARS = 16_384
_MAX_HEADERS = 32
_MAX_HEADER_CHARS = 4096
_MIN_PASSWORD_CHARS = 12
_MAX_PASSWORD_CHARS = 256


def display_name(text: str, param: str = "name") -> str:
    """Return a name for people, without space around it: 1 to 100 printable characters."""
    name = text.strip()
    if not 1 <= len(name) <= _MAX_NAME_CHARS or not name.isprintable():
        raise InvalidRequest(f"{param} must have 1 to {_MAX_NAME_CHARS} printable characters", param=param)
    return name


def account_name(name: str) -> str:
    """Return an account's name, which callers write in `account/model`."""
    if not _ACCOUNT_NAME.fullmatch(name):
        raise InvalidRequest(
            "an account name has 1 to 63 lower-case letters, digits, '.', '_' or '-', "
            "with a letter or digit at both ends",
            param="name",
        )
    return name


def alias_name(name: str) -> str:
    """Return an alias's name; it has no `/`, so that it can never be taken for `account/model`."""
    if not _ALIAS_NAME.fullmatch(name):
        raise InvalidRequest(
            "an alias has 1 to 128 letters, digits, '.', '_', ':' or '-', with a letter or digit at both ends",
            param="name",
        )
    return name


def email(text: str) -> str:
    """Return an email address in lower case, as it is compared."""
    found = text.strip().lower()
    if not _EMAIL.fullmatch(found) or not found.isprintable():
        raise InvalidRequest("this is not an email address", param="email")
    return found


def password(text: str) -> str:
    """Return a new password as it is: 12 to 256 characters, no other rule."""
    if not _MIN_PASSWORD_CHARS <= len(text) <= _MAX_PASSWORD_CHARS:
        raise InvalidRequest(
            f"a password has {_MIN_PASSWORD_CHARS} to {_MAX_PASSWORD_CHARS} characters", param="password"
        )
    return text


def secret(text: str) -> str:
    """Return a provider key without space around it: one line, several keys on a line each, or a file with a key in it.

    Each line must fit an HTTP header.
    """
    found = text.strip().replace("\r\n", "\n")
    if len(found) > _MAX_SECRET_CHARS:
        raise InvalidRequest(f"a provider key has at most {_MAX_SECRET_CHARS} characters", param="secret")
    if not found.isascii() or not found.replace("\n", "").isprintable():
        raise InvalidRequest(
            "the provider key contains characters that no key has (such as typographic quotes): copy it again",
            param="secret",
        )
    return found


def headers(wanted: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return an account's headers, names in lower case and each once; which names may be set its provider knows."""
    found = tuple((name.strip().lower(), value.strip()) for name, value in wanted)
    if len(found) > _MAX_HEADERS or any(len(name) + len(value) > _MAX_HEADER_CHARS for name, value in found):
        raise InvalidRequest(
            f"an account sends at most {_MAX_HEADERS} headers of {_MAX_HEADER_CHARS} characters", param="headers"
        )
    if len({name for name, _value in found}) < len(found):
        raise InvalidRequest("a header stands there twice", param="headers")
    return found


def models(names: Sequence[str]) -> tuple[str, ...]:
    """Return an account's model names, each once."""
    return _model_texts(names, "a model name", forbidden="")


def model_patterns(patterns: Sequence[str]) -> tuple[str, ...]:
    """Return a key's model patterns, each once; `*` is their only special character."""
    return _model_texts(patterns, "a model pattern", forbidden="[]?")


def permissions(wanted: Sequence[Permission]) -> tuple[Permission, ...]:
    """Return a key's permissions, each once and in the table's order."""
    if not wanted:
        raise InvalidRequest("a key needs at least one permission", param="permissions")
    return tuple(permission for permission in Permission if permission in wanted)


def expiry(expires_at_ns: int | None, now_ns: int) -> int | None:
    """Return an expiry that lies in the future and that a database can hold, or None."""
    if expires_at_ns is not None and not now_ns < expires_at_ns < 1 << 63:
        raise InvalidRequest("the expiry must lie in the future", param="expires_at")
    return expires_at_ns


def targets(wanted: Sequence[Target]) -> tuple[Target, ...]:
    """Return an alias's targets; that their accounts exist is for the caller to check."""
    if not 1 <= len(wanted) <= _MAX_TARGETS:
        raise InvalidRequest(f"an alias has 1 to {_MAX_TARGETS} targets", param="targets")
    seen: set[tuple[str, str]] = set()
    for index, target in enumerate(wanted):
        if not 1 <= target.weight <= _MAX_WEIGHT:
            raise InvalidRequest(f"a weight lies between 1 and {_MAX_WEIGHT}", param=f"targets/{index}/weight")
        _check_model(target.model, "a model name", "", f"targets/{index}/model")
        if (target.account, target.model) in seen:
            raise InvalidRequest(
                f"{target.account}/{target.model} stands there twice: give one of them the whole weight",
                param=f"targets/{index}",
            )
        seen.add((target.account, target.model))
    return tuple(wanted)


def _model_texts(texts: Sequence[str], what: str, forbidden: str) -> tuple[str, ...]:
    if len(texts) > _MAX_LIST:
        raise InvalidRequest(f"at most {_MAX_LIST} models can be listed", param="models")
    for index, text in enumerate(texts):
        _check_model(text, what, forbidden, f"models/{index}")
    return tuple(dict.fromkeys(texts))


def _check_model(text: str, what: str, forbidden: str, param: str) -> None:
    if not 1 <= len(text) <= _MAX_MODEL_CHARS or not text.isprintable() or " " in text:
        raise InvalidRequest(f"{what} has 1 to {_MAX_MODEL_CHARS} printable characters and no space", param=param)
    if any(character in text for character in forbidden):
        raise InvalidRequest(
            f"{what} must not contain any of {' '.join(forbidden)}; * stands for any part", param=param
        )
