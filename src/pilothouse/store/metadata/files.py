"""Rows of files and of their pieces."""

import msgspec
from sqlalchemy import Connection, Row, delete, exists, insert, select, text, update

from pilothouse.domain.batch import UNFINISHED
from pilothouse.domain.files import File, FilePage
from pilothouse.store.metadata import tables

_files = tables.files
_chunks = tables.file_chunks

_INCOMPLETE = text("NOT files.complete")
"""In the words of its index, which SQLite does not see in the `complete = 0` that SQLAlchemy would write for it."""
_COLUMNS = [_files.c[name] for name in File.__struct_fields__]


class Files:
    """The files, within one transaction; one that is not complete is seen by nobody."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, file: File) -> None:
        """Begin a file; raises `Conflict` when there is one of its id."""
        values = {**msgspec.structs.asdict(file), "touched_at_ns": file.created_at_ns, "complete": False}
        self._connection.execute(insert(_files).values(values))

    def append(self, file_id: str, n: int, data: bytes, now_ns: int) -> None:
        """Add the piece number `n`, from 0; all but the last have `CHUNK_BYTES`."""
        self._connection.execute(insert(_chunks).values(file_id=file_id, n=n, data=data))
        self._connection.execute(update(_files).where(_files.c.id == file_id).values(touched_at_ns=now_ns))

    def complete(self, file: File) -> None:
        """Let the file be seen, with what is known of it by now."""
        values = {**msgspec.structs.asdict(file), "complete": True}
        self._connection.execute(update(_files).where(_files.c.id == file.id).values(values))

    def get(self, project_id: str, file_id: str) -> File | None:
        """Return one file of a project, expired or not."""
        found = select(*_COLUMNS).where(_files.c.id == file_id, _files.c.project_id == project_id, _files.c.complete)
        row = self._connection.execute(found).one_or_none()
        return _file(row) if row else None

    def page(self, project_id: str, page: FilePage) -> list[File]:
        """Return the files of a project that have not expired, by the time they were made."""
        found = select(*_COLUMNS).where(_files.c.project_id == project_id, _files.c.complete)
        found = found.where(_files.c.expires_at_ns.is_(None) | (_files.c.expires_at_ns > page.now_ns))
        if page.purpose:
            found = found.where(_files.c.purpose == page.purpose)
        if page.after:
            found = found.where(_files.c.id < page.after if page.newest_first else _files.c.id > page.after)
        order = _files.c.id.desc() if page.newest_first else _files.c.id
        return [_file(row) for row in self._connection.execute(found.order_by(order).limit(page.limit)).all()]

    def chunk(self, file_id: str, n: int) -> bytes | None:
        """Return one piece of a file; None past its end."""
        found = select(_chunks.c.data).where(_chunks.c.file_id == file_id, _chunks.c.n == n)
        data = self._connection.execute(found).scalar_one_or_none()
        return None if data is None else bytes(data)

    def hide(self, file_id: str) -> None:
        """Take a file out of sight; `sweep` removes it."""
        gone = update(_files).where(_files.c.id == file_id).values(complete=False, touched_at_ns=0)
        self._connection.execute(gone)

    def expire(self, now_ns: int) -> None:
        """Hide every file whose time is over."""
        old = update(_files).where(_files.c.expires_at_ns <= now_ns, _files.c.complete)
        self._connection.execute(old.values(complete=False, touched_at_ns=0))

    def sweep(self, untouched_since_ns: int, pieces: int) -> bool:
        """Remove some pieces of a hidden file, or of one whose upload stopped; False when there is nothing to remove.

        The input of a batch that still runs is left alone.
        """
        batches = tables.batches
        in_use = exists().where(batches.c.input_file_id == _files.c.id, batches.c.status.in_(UNFINISHED))
        stale = select(_files.c.id).where(_INCOMPLETE, _files.c.touched_at_ns < untouched_since_ns, ~in_use)
        file_id = self._connection.execute(stale.order_by(_files.c.touched_at_ns).limit(1)).scalar_one_or_none()
        if file_id is None:
            return False
        self.remove(file_id, pieces)
        return True

    def remove(self, file_id: str, pieces: int) -> bool:
        """Remove some pieces of a file, and the file with the last of them; False once it is gone.

        One that is seen is left alone: `hide` comes first.
        """
        seen = select(_files.c.id).where(_files.c.id == file_id, _files.c.complete)
        if self._connection.execute(seen).first() is not None:
            return False
        of_file = select(_chunks.c.n).where(_chunks.c.file_id == file_id).order_by(_chunks.c.n).limit(pieces)
        numbers = self._connection.execute(of_file).scalars().all()
        if numbers:
            self._connection.execute(delete(_chunks).where(_chunks.c.file_id == file_id, _chunks.c.n <= numbers[-1]))
        if len(numbers) < pieces:
            self._connection.execute(delete(_files).where(_files.c.id == file_id))
            return False
        return True


def _file(row: Row[tuple[object, ...]]) -> File:
    return File(*row)
