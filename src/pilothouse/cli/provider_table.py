"""Writes the page of what each kind of provider speaks, by opening an account of each."""

from collections.abc import Iterator

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pilothouse.catalog.prices import PRICED_PROVIDERS
from pilothouse.domain.call import Operation
from pilothouse.protocols import table as dialects
from pilothouse.providers import table
from pilothouse.providers.base import AccountOptions, ProviderKind, Row

_INTRO = """# Providers and dialects

The kinds of provider accounts, as the provider table has them; [what is particular about each](providers.md).

A call in a dialect that the account speaks passes through untouched. A chat or completion in any other one is converted
to the first that stands under *chats*, and embeddings to the first under *embeddings*. The other dialects under *also*
reach only accounts that speak them; elsewhere the answer is 404 with the code `endpoint_unknown`.

## Addresses and keys

Calls to an *unpriced* kind cost what [your own prices](../guides/prices.md) say, and else nothing is known.

| kind | name in the API | default address | key | price |
|---|---|---|---|---|
"""
_SPOKEN = """
## What they speak

| kind | chats | embeddings | also |
|---|---|---|---|
"""
_URL = "http://127.0.0.1:9"


def providers_page() -> str:
    """Return the page: a table of addresses and keys, and one of dialects."""
    rows = [(row, row.kind(name)) for name, row in table.ROWS.items()]
    # The bundled model is no kind that people choose.
    shown = [(row, kind) for row, kind in rows if not kind.managed]
    spoken = "".join(line for row, kind in shown for line in _spoken(row, kind))
    return _INTRO + "".join(_address(kind) for _row, kind in shown) + _SPOKEN + spoken


def _address(kind: ProviderKind) -> str:
    url = f"`{kind.base_url}`" if kind.base_url else "–"
    key = "needed" if kind.needs_secret else "optional"
    price = "0" if kind.free else "in the price data" if kind.name in PRICED_PROVIDERS else "unpriced"
    return f"| [{kind.title}](providers.md#{anchor(kind.title)}) | `{kind.name}` | {url} | {key} | {price} |\n"


def _spoken(row: Row, kind: ProviderKind) -> Iterator[str]:
    named = row.open(AccountOptions("sample", _URL, _secret(kind))).dialects
    names = [name for name in named if name in dialects.names()]
    chats = [name for name in names if dialects.dialect(name).operation is Operation.CHAT]
    vectors = [name for name in names if dialects.dialect(name).operation is Operation.EMBEDDINGS]
    others = [name for name in names if name not in (*chats, *vectors)]
    cells = [", ".join(f"`{name}`" for name in group) or "–" for group in (chats, vectors, others)]
    yield f"| {kind.title} | {' | '.join(cells)} |\n"


def anchor(title: str) -> str:
    """Return the name that repository viewers give to a heading."""
    kept = "".join(char for char in title.lower() if char.isalnum() or char in "-_ ")
    return kept.replace(" ", "-")


def _secret(kind: ProviderKind) -> str:
    """Return a key that an account can be opened with; of one that wants a service account's file such a file."""
    if kind.name != "vertex":
        return "sample"
    key = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = {"client_email": "sample", "project_id": "sample", "private_key": key.decode()}
    return msgspec.json.encode(file).decode()
