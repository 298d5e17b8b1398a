"""The keys of one account: read from one text, picked by weight, left alone for a while after a refusal."""

import hashlib

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.errors import SettingsInvalid, UpstreamAuth, UpstreamBilling, UpstreamError, UpstreamRateLimited
from pilothouse.providers.base import AccountOptions, WeightedKey
from pilothouse.transport.base import Headers, Request

_REFUSED_S = 300.0
"""For a key that is wrong or out of credit: people have to mend that, and may do so at the provider."""
_LIMITED_S = 10.0
"""For a spent rate limit when the provider does not say how long."""
_LIMITED_MAX_S = 3600.0
_MAX_WEIGHT = 1000


class Key(msgspec.Struct):
    """One key, and how it fares."""

    secret: str
    weight: int
    headers: dict[object, Headers] = {}
    """What accounts have made of it, so that it is made once."""
    current: int = 0
    """Of the smooth weighted round robin."""
    rests_until_ns: int = 0

    def __repr__(self) -> str:
        return "Key(***)"

    @property
    def hint(self) -> str:
        """By which the key is known again, whatever its place among the account's keys; tells nothing of it."""
        return hashlib.sha256(self.secret.encode()).hexdigest()[:8]

    def is_in(self, headers: Headers) -> bool:
        """Return whether one of the headers carries the key."""
        secret = self.secret.encode()
        return any(value.rpartition(b" ")[2] == secret for _, value in headers)


class KeyRing:
    """The keys of one account.

    Keys take turns by weight, so that the next attempt of a call gets another key. One that was refused rests; when
    all rest, the one that is back first is taken, since the provider knows better than we do.
    """

    def __init__(self, keys: list[WeightedKey], clock: Clock) -> None:
        self._keys = [Key(key.secret, key.weight) for key in keys]
        self._clock = clock
        # The longest first, so that a key which is a part of another leaves nothing behind.
        self._struck = sorted((key.secret.encode() for key in keys if key.secret), key=len, reverse=True)

    def __repr__(self) -> str:
        return f"KeyRing({len(self._keys)} keys)"

    def pick(self) -> Key:
        """Return the key for the next request."""
        if len(self._keys) == 1:
            return self._keys[0]
        now_ns = self._clock.monotonic_ns()
        fit = [key for key in self._keys if key.rests_until_ns <= now_ns]
        if not fit:
            return min(self._keys, key=lambda key: key.rests_until_ns)
        for key in fit:
            key.current += key.weight
        chosen = max(fit, key=lambda key: key.current)
        chosen.current -= sum(key.weight for key in fit)
        return chosen

    def known(self, hint: str) -> list[Key]:
        """Return the key of that hint; all keys when it is not, or no longer, among them."""
        return [key for key in self._keys if key.hint == hint] or list(self._keys)

    def failed(self, request: Request, error: UpstreamError) -> bool:
        """Let the key of a refused request rest; returns whether the same call may be tried at once with another."""
        if len(self._keys) == 1 or not isinstance(error, UpstreamAuth | UpstreamBilling | UpstreamRateLimited):
            return False
        sent = (*request.headers, *request.more_headers)
        key = next((key for key in self._keys if key.is_in(sent)), None)
        now_ns = self._clock.monotonic_ns()
        if key is not None:
            rest_s = _REFUSED_S
            if isinstance(error, UpstreamRateLimited):
                rest_s = min(_LIMITED_S if error.retry_after_s is None else error.retry_after_s, _LIMITED_MAX_S)
            key.rests_until_ns = max(key.rests_until_ns, now_ns + int(rest_s * 1e9))
        return any(other.rests_until_ns <= now_ns for other in self._keys)

    def strike(self, body: bytes) -> bytes:
        """Return the body without any of the keys."""
        for secret in self._struck:
            body = body.replace(secret, b"***")
        return body


def keys_of(options: AccountOptions, *, needed: bool) -> list[WeightedKey]:
    """Return the account's keys, at least one, which is empty where none is needed and none was given.

    The secret's text holds one key, or several of them, one a line, each as `key` or `weight key`.
    """
    found = [_read(line, options.account) for line in options.secret.split("\n") if line.strip()]
    found += [key for key in options.secrets if key.secret]
    if not found and needed:
        raise SettingsInvalid(f"account {options.account!r} needs a key", param="secret")
    for key in found:
        _check(key, options.account)
    return found or [WeightedKey("")]


def _read(line: str, account: str) -> WeightedKey:
    first, _, rest = line.strip().partition(" ")
    if not rest:
        return WeightedKey(first)
    if not (first.isascii() and first.isdigit()):
        raise _unusable(account)
    return WeightedKey(rest.strip(), int(first[:9]))


def _check(key: WeightedKey, account: str) -> None:
    if not key.secret.isascii() or not key.secret.isprintable() or " " in key.secret:
        raise _unusable(account)
    if not 1 <= key.weight <= _MAX_WEIGHT:
        raise SettingsInvalid(
            f"a key's weight lies between 1 and {_MAX_WEIGHT}, in account {account!r}", param="secret"
        )


def _unusable(account: str) -> SettingsInvalid:
    return SettingsInvalid(
        f"the key of account {account!r} holds a blank, a line break or a character that no header can carry",
        param="secret",
    )
