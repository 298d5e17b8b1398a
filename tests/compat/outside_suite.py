"""Runs the end-to-end tests that LangSmith's own source distribution carries against a platform of their own.

`python -m tests.compat.outside_suite PYTHON FOLDER [arguments of pytest …]`: the interpreter that has the SDK and what
its tests need, and the unpacked source distribution. What passes stands in docs/reference/compatibility-sdks.md.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
from pathlib import Path

from pilothouse.domain.access import Permission
from pilothouse.store.telemetry.archive import Archive
from tests.compat.pipeline import Pipeline, pipeline
from tests.embedded_store import StoreProcess

_EVERY = (Permission.INGEST, Permission.READ, Permission.WRITE, Permission.ADMIN)
_IDLE_S = 0.1
_OPTIONS = """
def pytest_addoption(parser):
    parser.addoption('--runslow', action='store_true', default=False)
    parser.addoption('--vcr-mode', default='none')
"""


async def _ingest(line: Pipeline, done: asyncio.Event) -> None:
    """Bring what arrives into the store until it is done."""
    while not done.is_set():
        await line.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), _IDLE_S)


async def main(python: str, folder: str, *arguments: str) -> int:
    """Return the exit status of pytest."""
    with tempfile.TemporaryDirectory() as place:
        # options that the tests ask for, and that their distribution does not declare
        (Path(place) / "options_asked_for.py").write_text(_OPTIONS)
        store = StoreProcess(Path(place))
        store.start()
        archive = Archive(store.options())
        try:
            async with pipeline(Path(place), store, archive) as line:
                line.ingest.on_experiments(line.run.parts.library.experiments.see)
                done = asyncio.Event()
                ingest = asyncio.create_task(_ingest(line, done))
                key = await line.run.key(*_EVERY)
                surroundings = {
                    **os.environ, "LANGSMITH_API_KEY": key, "LANGSMITH_ENDPOINT": f"{line.run.url}/api/v1",
                    "PYTHONPATH": place, "LANGCHAIN_API_KEY": key, "LANGCHAIN_ENDPOINT": f"{line.run.url}/api/v1",
                    "LANGSMITH_TRACING": "true",
                }  # fmt: skip
                process = await asyncio.create_subprocess_exec(
                    python, "-m", "pytest", "-q", "-p", "options_asked_for", *arguments, cwd=folder, env=surroundings
                )
                status = await process.wait()
                done.set()
                await ingest
                return status
        finally:
            await archive.close()
            store.kill()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
