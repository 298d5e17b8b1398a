"""What every process of ours does at its start and end: logs, its lock, signals, and watching its parent."""

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import re
import resource
import signal
import threading
from collections.abc import Callable
from types import FrameType

from pilothouse import instruments
from pilothouse.settings import Settings

_SECRETS = re.compile(r"\b(ph[slov]?_|sk-)[A-Za-z0-9_-]{12,}|(?<=://)([^/\s:@]*):[^/\s@]+@|(?i:(?<=bearer ))[^\s\"]+")
_PARENT_GONE_S = 8.0
_M_ARENA_MAX = -8
"""Of glibc's `malloc.h`."""
_KEPT_FREE_BYTES = 32 * 1024**2
_TALKATIVE = ("alembic", "httpx", "httpcore", "uvicorn.error")
"""Libraries whose news is none for an operator."""


def keep_private() -> None:
    """Make every file that this process creates from now on readable by its owner only."""
    os.umask(0o077)


def raise_file_limit() -> None:
    """Let this process and its children hold as many open connections as the system allows at all.

    Shells give 1,024 by default, of which one open stream takes two.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def keep_one_heap() -> None:
    """Have all threads of this process take memory from one heap; call it before there are threads.

    glibc gives threads heaps of their own, and none of what one of them frees is there for the others: under load
    ingest took 200 MB more than it needs, the store 250. The interpreter's lock lets only one of them take memory at a
    time. Other C libraries have no such heaps.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def give_memory_back(every_s: float = 20.0) -> None:
    """Give memory that this process has freed back to the system, every so often, from a thread of its own.

    Blocks that live on between those of a large batch keep glibc from ever giving the batch's back: after a few of them
    ingest held a gigabyte of which it used a thirtieth. One go takes some milliseconds, and 0.1 s for such a gigabyte,
    in which no thread takes memory: nothing for a process that answers calls.
    """
    with contextlib.suppress(OSError, AttributeError):
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
        threading.Thread(target=_give_back, args=(trim, every_s), name="memory", daemon=True).start()


def start_logging(settings: Settings) -> None:
    """Log to standard error as JSON lines, secrets scrubbed."""
    known = [secret for secret in (settings.openai_api_key, settings.anthropic_api_key) if secret]
    instruments.start_logging(settings.log_level, lambda text: scrub(text, known))
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def scrub(text: str, known: list[str]) -> str:
    """Return the text without anything that looks like a key of ours or a provider's, or a password in an address."""
    for secret in known:
        text = text.replace(secret, "•••")
    return _SECRETS.sub(lambda found: f"{found[1] or found[2] or ''}•••{'@' if found[0].endswith('@') else ''}", text)


def calm_collector() -> None:
    """Look for garbage cycles seldom: calls and spans make none, and what start-up made stays for good."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def end_with_parent() -> None:
    """End this process when the parent's end of standard input closes, however the parent ended.

    The process gets SIGTERM, and is ended for good when it has not gone within 8 s.
    """
    threading.Thread(target=_watch_parent, name="parent-watch", daemon=True).start()


async def until_signal() -> None:
    """Wait for SIGTERM or SIGINT; the handlers stay in place until the event loop ends."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()


def block_until_signal() -> None:
    """Wait for SIGTERM or SIGINT in a process without an event loop."""
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    # with a timeout, so that the interpreter gets to run the handler while native threads hold the processor
    while not stopped.wait(0.2):
        pass


def _give_back(trim: Callable[[int], int], every_s: float) -> None:
    pause = threading.Event()
    while not pause.wait(every_s):
        trim(_KEPT_FREE_BYTES)


def _watch_parent() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_PARENT_GONE_S)
    os._exit(1)
