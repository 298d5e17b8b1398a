"""What is switched on in this process."""

import threading
from typing import Final

from pilothouse.sdk.outbox import Outbox


class Process:
    """There is one, as there is one provider of OpenTelemetry's; `lock` is for whoever changes it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.outbox: Outbox | None = None
        self.lost_before = 0
        """Items that outboxes before this one have dropped."""

    @property
    def dropped(self) -> int:
        """All items that were dropped since the process began."""
        return self.lost_before + (self.outbox.dropped if self.outbox is not None else 0)


PROCESS: Final = Process()
