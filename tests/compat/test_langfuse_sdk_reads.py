"""Langfuse's own SDKs read back what they sent, in the calls that each generation has for it."""

from pathlib import Path

import pytest

from pilothouse.domain.access import Permission
from tests.compat.pipeline import Pipeline
from tests.compat.test_langfuse_library import told
from tests.compat.test_langfuse_reads import filled, sdk
from tests.compat.test_langfuse_sdks import ENVIRONMENTS


@pytest.mark.parametrize("generation", sorted(ENVIRONMENTS))
async def test_what_was_sent_is_read_by_every_generation(line: Pipeline, generation: str, tmp_path: Path) -> None:
    await filled(line, 3)
    editor = await sdk(line, Permission.WRITE)
    await editor.post("/api/public/score-configs", json={"name": "ok", "dataType": "BOOLEAN"})
    found = await told(line.run, generation, tmp_path, "reads")
    assert (found["configs"], found["composed"]) == (["ok"], ["Rules: Be kind, Ada.", "Rules: Be kind, {{name}}."])
    everybody = generation.startswith("5")
    assert [one[0] for one in found["scores"]] == (["s0", "s1", "s2"] if everybody else ["s0", "s2"])
    assert [float(one[1]) for one in found["scores"]] == [1.0] * len(found["scores"])
    if "legacy" in found:
        assert found["legacy"] == {
            "traces": ["trace/2", "trace/1"], "pages": 2, "trace": "n0", "sessions": ["s 1"], "session": 3,
            "observations": ["o0", "o1", "o2"], "observation": "work",
        }  # fmt: skip
    if "newest" in found:
        assert found["newest"] == ["o0", "o1", "o2"]
        assert found["metrics"] == [{"count_count": 3}]
    else:
        assert found["metrics"] == [["2026-11-28", 3]]
