"""The port to where responses are kept."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from pilothouse.domain.responses import BackgroundCall, ClaimedResponse, EventGroup, KeptResponse


class ResponseStore(Protocol):
    """Keeps responses; every method may raise `MetadataUnavailable` or `DiskFull`.

    A cancelled caller does not stop what has begun: it still happens as a whole or not at all.
    """

    async def get(self, project_id: str, response_id: str) -> KeptResponse | None:
        """Return one response."""
        ...

    async def status(self, project_id: str, response_id: str) -> str | None:
        """Return the status of one response; None when there is none."""
        ...

    async def chain(self, project_id: str, response_id: str, most_bytes: int) -> Sequence[KeptResponse]:
        """Return a response and all that it goes on from, oldest first.

        Raises `PreviousResponseNotFound` when one of them is gone, and `InvalidRequest` when they are too many, too
        large, or go round in a circle.
        """
        ...

    async def put(
        self, response: KeptResponse, call: BackgroundCall | None = None, opening: EventGroup | None = None
    ) -> None:
        """Keep a response, and as long as it all that it goes on from; with `call` one that somebody has to run.

        `opening` are the events that its stream begins with.
        Raises `InvalidRequest` for text that cannot be kept.
        """
        ...

    async def delete(self, project_id: str, response_id: str) -> bool:
        """Forget a response with its events; returns whether there was one."""
        ...

    async def purge(self, now_ns: int, most: int) -> int:
        """Forget responses whose time is over and return how many, at most `most`."""
        ...

    async def claim(self, owner: str, now_ns: int, until_ns: int, most: int) -> Sequence[ClaimedResponse]:
        """Take up to `most` calls in the background that are nobody's, oldest first, until `until_ns`."""
        ...

    async def renew(self, owner: str, ids: Collection[tuple[str, str]], until_ns: int) -> set[tuple[str, str]]:
        """Keep claims, by project and response, and return those that still are the owner's."""
        ...

    async def release(self, owner: str, ids: Collection[tuple[str, str]]) -> None:
        """Give claimed calls back as if they had never been taken."""
        ...

    async def end(self, response: KeptResponse, owner: str) -> bool:
        """Write how a call in the background ended; False when it is no longer the owner's."""
        ...

    async def cancel(
        self, project_id: str, response_id: str, document: Callable[[bytes], bytes]
    ) -> KeptResponse | None:
        """End a call in the background that has not ended, and return the response as it is now.

        `document` makes the cancelled response object out of the one there is.
        """
        ...

    async def add_events(self, project_id: str, response_id: str, group: EventGroup, owner: str) -> bool:
        """Keep events of a call in the background; those of the same first number are replaced.

        Returns False, and keeps nothing, when the call is no longer the owner's.
        """
        ...

    async def events(self, project_id: str, response_id: str, after: int, most: int) -> Sequence[EventGroup]:
        """Return up to `most` groups that hold events above the number `after`, in their order."""
        ...

    async def drop_events(self, project_id: str, response_id: str, after: int) -> None:
        """Forget the groups that begin above a number."""
        ...
