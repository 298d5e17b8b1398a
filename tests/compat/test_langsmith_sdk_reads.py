"""LangSmith's own SDKs read back runs, files, feedback and the results of experiments."""

from pathlib import Path

import pytest

from tests.compat.pipeline import Pipeline
from tests.compat.test_langsmith_library import told
from tests.compat.test_langsmith_sdks import ENVIRONMENTS


@pytest.mark.timeout(120)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
async def test_what_was_sent_is_read_back(line: Pipeline, environment: str, tmp_path: Path) -> None:
    run = "0199aaaa-0000-7000-8000-000000000001"
    sent = await told(line.run, environment, tmp_path, "/api/v1", "reads", "send", run)
    await line.drain()
    read = await told(line.run, environment, tmp_path, "/api/v1", "reads", "read", run, sent["experiment"])
    await line.drain()
    assert (read["outputs"], read["found"]) == ({"answer": "yes"}, [1, 0, 1])
    assert (read["feedback"], read["tokens"]) == (["quality", 0.5, "quality"], 1)
    assert read.get("same", True) is True
    scores = {one.name: one.number for one in (await line.trace(run.replace("-", ""))).scores}
    assert scores == {"quality": 0.75, "thumb": 1.0}
    if "threads" in read:
        assert read["threads"] == {
            "one": ["turn0", "turn2"], "some": ["turn2"],
            "all": [["t-1", 2, ["turn0", "turn2"]], ["t-2", 1, ["turn1"]]],
            "paged": ["t-2"], "failed": [1, 1],
        }  # fmt: skip
    if "results" in read:
        assert read["results"] == {"runs": 2, "right": 2, "rows": [[1, 2], [2, 4]]}
