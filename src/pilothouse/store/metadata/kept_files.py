"""The port through which the gateway reaches files, over the metadata database."""

from pilothouse.domain.files import File, FilePage
from pilothouse.store.metadata.kept import Kept


class KeptFiles(Kept):
    """Files behind async methods.

    Every method raises `MetadataUnavailable` when the database is away or has no such tables, `DiskFull` when it has no
    room, and `InvalidRequest` for text that it cannot hold.
    """

    async def begin(self, file: File) -> None:
        """Begin a file, which nobody sees until it is complete."""
        await self._write(lambda tx: tx.files.insert(file))

    async def append(self, file_id: str, n: int, data: bytes, now_ns: int) -> None:
        """Add the piece number `n`."""
        await self._write(lambda tx: tx.files.append(file_id, n, data, now_ns))

    async def complete(self, file: File) -> None:
        """Let a file be seen."""
        await self._write(lambda tx: tx.files.complete(file))

    async def get(self, project_id: str, file_id: str) -> File | None:
        """Return one file of a project."""
        return await self._read(lambda tx: tx.files.get(project_id, file_id))

    async def page(self, project_id: str, page: FilePage) -> list[File]:
        """Return files of a project."""
        return await self._read(lambda tx: tx.files.page(project_id, page))

    async def chunk(self, file_id: str, n: int) -> bytes | None:
        """Return one piece of a file; None past its end."""
        return await self._read(lambda tx: tx.files.chunk(file_id, n))

    async def hide(self, file_id: str) -> None:
        """Take a file out of sight, for `sweep` to remove."""
        await self._write(lambda tx: tx.files.hide(file_id))

    async def remove(self, file_id: str, pieces: int) -> bool:
        """Remove some pieces of a file that nobody sees, and the file with the last; False once there is none."""
        return await self._write(lambda tx: tx.files.remove(file_id, pieces))

    async def expire(self, now_ns: int) -> None:
        """Hide files whose time is over."""
        await self._write(lambda tx: tx.files.expire(now_ns))

    async def sweep(self, untouched_since_ns: int, pieces: int) -> bool:
        """Remove some pieces of what nobody needs; False when there is nothing."""
        return await self._write(lambda tx: tx.files.sweep(untouched_since_ns, pieces))
