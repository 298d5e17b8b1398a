"""Files that callers keep with the gateway: what is to be done in a batch, and what came of it."""

import msgspec

CHUNK_BYTES = 1024 * 1024
"""A file is kept in pieces of exactly this size, but for the last."""

PURPOSES = ("batch", "user_data", "vision", "assistants", "fine-tune", "evals")
"""What an upload may say that it is for."""
BATCH_INPUT = "batch"
BATCH_OUTPUT = "batch_output"
"""Purpose of the files that a batch leaves."""


class File(msgspec.Struct, frozen=True):
    """One file; its content is kept beside it."""

    id: str
    """`file-` and 32 hex digits, of which the first tell the time: ids sort as they were made."""
    project_id: str
    key_id: str
    """The virtual key that sent it, or in whose name the batch ran that left it."""
    name: str
    purpose: str
    size_bytes: int
    created_at_ns: int
    expires_at_ns: int | None = None
    """From then on it is gone; None keeps it until it is deleted."""

    @property
    def pieces(self) -> int:
        """How many pieces it is kept in."""
        return -(-self.size_bytes // CHUNK_BYTES)

    def alive(self, now_ns: int) -> bool:
        """Whether it has not expired."""
        return self.expires_at_ns is None or self.expires_at_ns > now_ns


class FilePage(msgspec.Struct, frozen=True):
    """Which files to list."""

    now_ns: int
    limit: int
    after: str = ""
    """The id that the page begins behind; empty begins at the start."""
    newest_first: bool = True
    purpose: str = ""
