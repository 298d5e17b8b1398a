"""What the gateway needs of whoever keeps its files."""

from typing import Protocol

from pilothouse.domain.files import File, FilePage


class FileStore(Protocol):
    """Keeps files in pieces; every method raises `MetadataUnavailable` when it is away, and `DiskFull`."""

    async def begin(self, file: File) -> None:
        """Begin a file, which nobody sees until it is complete; raises `InvalidRequest` for text it cannot hold."""
        ...

    async def append(self, file_id: str, n: int, data: bytes, now_ns: int) -> None:
        """Add the piece number `n`, from 0; all but the last have `CHUNK_BYTES`."""
        ...

    async def complete(self, file: File) -> None:
        """Let a file be seen, with what is known of it by now."""
        ...

    async def get(self, project_id: str, file_id: str) -> File | None:
        """Return one complete file of a project, expired or not."""
        ...

    async def page(self, project_id: str, page: FilePage) -> list[File]:
        """Return files of a project that have not expired."""
        ...

    async def chunk(self, file_id: str, n: int) -> bytes | None:
        """Return one piece of a file, complete or not; None past its end."""
        ...

    async def hide(self, file_id: str) -> None:
        """Take a file out of sight, for `sweep` to remove."""
        ...

    async def remove(self, file_id: str, pieces: int) -> bool:
        """Remove some pieces of a file that nobody sees, and the file with the last; False once there is none."""
        ...

    async def expire(self, now_ns: int) -> None:
        """Hide files whose time is over."""
        ...

    async def sweep(self, untouched_since_ns: int, pieces: int) -> bool:
        """Remove some pieces of a hidden file, or of one whose upload stopped; False when there is nothing."""
        ...
