"""What the provider table says about an account: whether the kind exists, needs a key, has a URL of its own."""

from pilothouse import plugins
from pilothouse.errors import InvalidRequest
from pilothouse.providers.table import describe
from pilothouse.registry import addresses


def check(provider: str, base_url: str, *, has_secret: bool, managed: bool = False) -> None:
    """Raise `InvalidRequest` with its field unless an account of this kind can work with what it has."""
    kinds = {kind.name: kind for kind in describe()}
    kind = kinds.get(provider)
    if kind is None:
        if provider not in plugins.rows("providers", {}):
            known = ", ".join(name for name, row in kinds.items() if not row.managed)
            raise InvalidRequest(f"there is no provider {provider!r}; known: {known}", param="provider")
        return
    if managed:
        return
    if kind.managed:
        raise InvalidRequest(f"{kind.title} is set up by the installation itself", param="provider")
    if not base_url and not kind.base_url:
        raise InvalidRequest(f"{kind.title} needs a base URL", param="base_url")
    if kind.needs_secret and not has_secret:
        raise InvalidRequest(f"{kind.title} needs a provider key", param="secret")


def redirects(provider: str, old_base_url: str, new_base_url: str) -> bool:
    """Return whether a new base URL would send the account's secret to another server."""
    own = next((kind.base_url for kind in describe() if kind.name == provider), "")
    return not addresses.same_origin(old_base_url or own, new_base_url or own)
