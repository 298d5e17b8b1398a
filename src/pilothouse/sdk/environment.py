"""The environment variables that an app may set instead of arguments; the only reader of them in an app's process."""

import os


def url() -> str:
    """Return `PILOTHOUSE_URL`, the address of the platform; empty when it is not set."""
    return os.environ.get("PILOTHOUSE_URL", "")


def key() -> str:
    """Return `PILOTHOUSE_KEY`, a virtual key with the permission `ingest`; empty when it is not set."""
    return os.environ.get("PILOTHOUSE_KEY", "")
