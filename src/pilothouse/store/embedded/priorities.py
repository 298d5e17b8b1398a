"""What gives way in the store's process: merges to queries and inserts.

The engine's own setting for it works only with a right that the process has no other use for; to lower one's own
priority needs none.
"""

import contextlib
import os
import threading
from pathlib import Path

MERGE_NICE = 10
"""A merge beside a query on the same core gets about a tenth of it, and all that queries leave."""
_EVERY_S = 2.0
_THREADS = Path("/proc/self/task")
_OF_MERGES = "MergeMutate"


def keep_merges_low() -> None:
    """Lower the priority of the threads that merge parts, where threads have priorities of their own (Linux).

    The engine makes them with its first table, so a thread looks for them again and again.
    """
    if hasattr(os, "setpriority") and _THREADS.exists():
        threading.Thread(target=_keep_low, name="priorities", daemon=True).start()


def _keep_low() -> None:
    pause = threading.Event()
    while not pause.wait(_EVERY_S):
        for thread in _THREADS.iterdir():
            # it may have ended since it was listed, and a system may forbid it
            with contextlib.suppress(OSError):
                if (thread / "comm").read_text().strip() == _OF_MERGES:
                    os.setpriority(os.PRIO_PROCESS, int(thread.name), MERGE_NICE)
