"""Langfuse's own SDKs make and find prompts, fill datasets, run over them, and send media."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.access import Permission
from pilothouse.domain.clock import SystemClock
from pilothouse.domain.experiment import derived_id
from pilothouse.ingest.loop import IngestLoop
from pilothouse.ingest.options import IngestOptions
from pilothouse.store.metadata.experiments import ExperimentFilter
from pilothouse.store.telemetry.client import Telemetry
from tests.compat.test_langfuse_sdks import ENVIRONMENTS, ROOT
from tests.embedded_store import StoreProcess
from tests.server.harness import Running, running

_NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, clock=SystemClock()) as found:
        yield found


async def told(run: Running, generation: str, folder: Path, story: str = "library", *more: Permission) -> Any:
    python = ROOT / ".venv" / ENVIRONMENTS[generation] / "bin/python"
    if not python.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{python} is missing; `make test` installs it")
    key = await run.key(Permission.INGEST, Permission.READ, Permission.WRITE, *more)
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE,
        "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        str(python), "-W", "ignore", "-m", f"tests.compat.langfuse_{story}_story", run.url, key,
        cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3000:]
    return json.loads(out.splitlines()[-1])


async def _ingested(run: Running, folder: Path, process: StoreProcess) -> None:
    store = Telemetry(process.options())
    await store.migrate()
    loop = IngestLoop(folder / "spool", store, Catalog(), IngestOptions(linger_s=0.0))
    loop.on_experiments(run.parts.library.experiments.see)
    try:
        while await loop.tick() == 0.0:
            pass
    finally:
        await loop.stop()
        await store.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("generation", ENVIRONMENTS)
async def test_a_library_of_an_sdk(run: Running, generation: str, tmp_path: Path, store_process: StoreProcess) -> None:
    said = await told(run, generation, tmp_path)
    prompts = said["prompts"]
    assert prompts["made"] == [1, ["latest", "production"], ["a"]]
    assert prompts["found"] == [1, "Hi Ada", {"t": 0.5}, "one"]
    assert (prompts["staged"], prompts["numbered"]) == ([2, "Hello Ada"], "Hi {{name}}")
    assert prompts["fallback"] == ["else", True]
    assert prompts["chat"] == [1, [["system", "You are kind."], ["user", "why?"]]]
    assert said["dataset"] == ["team/qa", "d", {"m": 1}]
    assert sorted(said["items"]) == [
        ["item-0", "ACTIVE", {"n": 0}], ["item-1", "ACTIVE", {"n": 1}], ["item-2", "ARCHIVED", {"n": 2}],
    ]  # fmt: skip
    assert said["media"] == {"same": True, "type": "image/png", "length": 10248}
    if generation != "2":
        assert (prompts["moved"], prompts["listed"]) == (2, [["team/greet", [1, 2], ["latest", "production"]]])
        assert (said["before"], said["now"]) == (["item-0"], 2)
        assert (said["runs"]["outputs"], said["runs"]["scores"]) == ([0, 2, 4], [1.0] * 3)
    if generation != "5":
        words = "by hand" if generation == "2" else "by the SDK"
        assert said["runs"]["run"] == ["run 1", words, ["item-0", "item-1", "item-2"]]
        (made,), _ = await run.parts.library.experiments.page(ExperimentFilter(project_id=run.project.id))
        assert made.id == derived_id(run.project.id, made.dataset_id, "run 1")
        assert made.item_count == 3
    else:
        assert said["runs"]["id"] == derived_id(run.project.id, said["runs"]["dataset"], "run 1")
        await _ingested(run, tmp_path, store_process)
        experiment = await run.parts.library.experiments.get(run.project.id, said["runs"]["id"])
        assert (experiment.name, experiment.description, experiment.metadata) == ("run 1", "by the SDK", {"r": "1"})
        items, _ = await run.parts.library.experiments.items(run.project.id, experiment.id, 10)
        assert sorted(one.item_id for one in items) == ["item-0", "item-1", "item-2"]
        assert sorted(one.trace_id for one in items) == said["runs"]["traces"]
    actions = {entry.actor[:4] for entry in await run.parts.registry.list_audit() if entry.action.startswith("prompt")}
    assert actions == {"key:"}
