"""Where a provider account may point to.

Loopback and private networks are allowed, since self-hosted models live there. Link-local addresses and the clouds'
metadata services are refused: whoever may add an account must not be able to read the machine's own credentials.
A name that resolves to such an address is not seen here; the transport looks again before it connects.
"""

import ipaddress
import re
import socket
from urllib.parse import SplitResult, urlsplit

from pilothouse.domain.networks import Address, off_limits
from pilothouse.errors import InvalidRequest

_METADATA_NAMES = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
)
_NUMERIC = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)(?:\.(?:0[xX][0-9a-fA-F]*|[0-9]+)){0,3}")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
_MAX_URL_CHARS = 2048
_PARAM = "base_url"


def base_url(text: str) -> str:
    """Return an account's base URL without a slash at its end, empty for the provider's own."""
    url = text.strip()
    if not url:
        return ""
    if len(url) > _MAX_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise InvalidRequest("the base URL has characters that no URL has", param=_PARAM)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidRequest("the base URL is not a valid URL", param=_PARAM) from None
    _check_form(url, parts)
    if port == 0:
        raise InvalidRequest("the base URL's port lies between 1 and 65535", param=_PARAM)
    _check_host(parts.hostname or "")
    return url.rstrip("/")


def same_origin(left: str, right: str) -> bool:
    """Return whether two base URLs send to the same scheme, host and port."""
    return _origin(left) == _origin(right)


def _check_form(url: str, parts: SplitResult) -> None:
    if parts.scheme not in {"http", "https"}:
        raise InvalidRequest("the base URL must start with http:// or https://", param=_PARAM)
    if "@" in parts.netloc:
        raise InvalidRequest("the base URL must not hold a user or password: the key has its own field", param=_PARAM)
    if "?" in url or "#" in url:
        raise InvalidRequest("the base URL must have no query and no fragment", param=_PARAM)
    if not parts.hostname or not _PATH.fullmatch(parts.path):
        raise InvalidRequest("the base URL is not a valid URL", param=_PARAM)


def _check_host(host: str) -> None:
    name = host.rstrip(".").lower()
    address = _address(name)
    if address is None and not _HOST.fullmatch(name):
        raise InvalidRequest("the base URL's host is not valid", param=_PARAM)
    if name in _METADATA_NAMES or (address is not None and off_limits(address)):
        raise InvalidRequest(f"{host} is a link-local or metadata address, which no model is served from", param=_PARAM)


def _address(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        pass
    if not _NUMERIC.fullmatch(name):
        return None
    try:  # the forms that resolvers take for addresses too: 2852039166, 0xa9fea9fe, 169.254.43518
        return ipaddress.IPv4Address(socket.inet_aton(name))
    except OSError:
        raise InvalidRequest("the base URL's host is not valid", param=_PARAM) from None


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
