"""The port through which the gateway reaches kept responses, over the metadata database."""

from collections.abc import Callable, Collection, Sequence

from pilothouse.domain.responses import BackgroundCall, ClaimedResponse, EventGroup, KeptResponse
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.kept import Kept
from pilothouse.store.metadata.together import Together

_AT_ONCE = 64
_MOST_WAITING = 1024


class KeptResponses(Kept):
    """Kept responses behind async methods.

    Every method raises `MetadataUnavailable` when the database is away or has no such tables, `DiskFull` when it has no
    room, and `InvalidRequest` for text that it cannot hold.
    """

    def __init__(self, metadata: Metadata) -> None:
        super().__init__(metadata)
        self._together = Together(self._put_all, _AT_ONCE, _MOST_WAITING)

    async def _put_all(self, responses: Sequence[KeptResponse]) -> None:
        await self._write(lambda tx: tx.responses.put_all(responses))

    async def get(self, project_id: str, response_id: str) -> KeptResponse | None:
        """Return one response."""
        return await self._read(lambda tx: tx.responses.get(project_id, response_id))

    async def status(self, project_id: str, response_id: str) -> str | None:
        """Return the status of one response."""
        return await self._read(lambda tx: tx.responses.status(project_id, response_id))

    async def chain(self, project_id: str, response_id: str, most_bytes: int) -> Sequence[KeptResponse]:
        """Return a response and all that it goes on from; see `Responses.chain`."""
        return await self._read(lambda tx: tx.responses.chain(project_id, response_id, most_bytes))

    async def put(
        self, response: KeptResponse, call: BackgroundCall | None = None, opening: EventGroup | None = None
    ) -> None:
        """Keep a response; with `call` one that somebody has to run, with the events it begins with.

        Responses that come while others are written are written together. Raises `MetadataUnavailable` when too many
        wait.
        """
        if call is None:
            await self._together.put(response)
            return
        await self._write(lambda tx: tx.responses.put(response, call, opening))

    async def delete(self, project_id: str, response_id: str) -> bool:
        """Forget a response; returns whether there was one."""
        return await self._write(lambda tx: tx.responses.delete(project_id, response_id))

    async def purge(self, now_ns: int, most: int) -> int:
        """Forget responses whose time is over and return how many."""
        return await self._write(lambda tx: tx.responses.purge(now_ns, most))

    async def claim(self, owner: str, now_ns: int, until_ns: int, most: int) -> Sequence[ClaimedResponse]:
        """Take calls in the background that are nobody's."""
        # looking costs no write, and there is seldom anything
        if not await self._read(lambda tx: tx.responses.waiting(now_ns)):
            return ()
        return await self._write(lambda tx: tx.responses.claim(owner, now_ns, until_ns, most))

    async def renew(self, owner: str, ids: Collection[tuple[str, str]], until_ns: int) -> set[tuple[str, str]]:
        """Keep claims, and return those that still are the owner's."""
        return await self._write(lambda tx: tx.responses.renew(owner, ids, until_ns))

    async def release(self, owner: str, ids: Collection[tuple[str, str]]) -> None:
        """Give claimed calls back."""
        await self._write(lambda tx: tx.responses.release(owner, ids))

    async def end(self, response: KeptResponse, owner: str) -> bool:
        """Write how a call in the background ended; False when it is no longer the owner's."""
        return await self._write(lambda tx: tx.responses.end(response, owner))

    async def cancel(
        self, project_id: str, response_id: str, document: Callable[[bytes], bytes]
    ) -> KeptResponse | None:
        """End a call in the background and return the response as it is now; see `Responses.cancel`."""
        return await self._write(lambda tx: tx.responses.cancel(project_id, response_id, document))

    async def add_events(self, project_id: str, response_id: str, group: EventGroup, owner: str) -> bool:
        """Keep events; False when the call is no longer the owner's."""
        return await self._write(lambda tx: tx.responses.add_events(project_id, response_id, group, owner))

    async def events(self, project_id: str, response_id: str, after: int, most: int) -> Sequence[EventGroup]:
        """Return groups of events above a number."""
        return await self._read(lambda tx: tx.responses.events(project_id, response_id, after, most))

    async def drop_events(self, project_id: str, response_id: str, after: int) -> None:
        """Forget the groups that begin above a number."""
        await self._write(lambda tx: tx.responses.drop_events(project_id, response_id, after))
