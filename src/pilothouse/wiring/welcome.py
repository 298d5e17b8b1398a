"""What the platform has to tell the operator at its start, handed over in a file that is removed when it is read."""

import msgspec

from pilothouse.wiring.data_folder import Layout, write_private


class Welcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator is told at start."""

    models: tuple[str, ...]
    """Names that can be called."""
    sign_in_token: str = ""
    """Single-use secret with which the first person signs in; empty once there is one."""
    first_key: str = ""
    """Secret of the first virtual key; only in the start that created it."""
    unreadable_accounts: tuple[str, ...] = ()
    """Accounts whose provider key was sealed under another secret key and has to be entered again."""

    def __repr__(self) -> str:
        return f"Welcome(models={self.models!r})"


def leave(layout: Layout, welcome: Welcome) -> None:
    """Write the file, readable by its owner only."""
    write_private(layout.welcome, msgspec.json.encode(welcome))


def take(layout: Layout) -> Welcome | None:
    """Return what was left and remove it; None when there is nothing."""
    try:
        content = layout.welcome.read_bytes()
    except FileNotFoundError:
        return None
    layout.welcome.unlink(missing_ok=True)
    return msgspec.json.decode(content, type=Welcome)
