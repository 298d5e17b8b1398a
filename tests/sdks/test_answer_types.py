"""What callers hear between all pairs of dialects is what the types of their own SDK demand, event for event."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.protocols.golden_pairs import DIALECTS, PAIRS, made
from tests.sdks.outside import ROOT

_FOLDED = "bedrock_converse"
"""Its stream is of binary events, which are held here folded into one answer."""
_PYTHON = ROOT / ".venv" / "sdks" / "bin" / "python"


def spoken(caller: str, upstream: str) -> list[dict[str, Any]]:
    """Return the whole answer and every event of a pair."""
    heard = made(caller, upstream)
    found = [{"dialect": caller, "event": False, "value": heard["answer"]}]
    if caller == _FOLDED:
        return [*found, {"dialect": caller, "event": False, "value": heard["stream"]}]
    data = [line.removeprefix("data:").strip() for line in heard["stream"] if line.startswith("data:")]
    events = [json.loads(text) for text in data if text != "[DONE]"]
    assert events, "nothing was streamed"
    return [*found, *({"dialect": caller, "event": True, "value": event} for event in events)]


def sorted_out(said: list[dict[str, Any]], folder: Path) -> list[str]:
    """Return for each value what its SDK's type finds wrong with it, empty for nothing."""
    if not _PYTHON.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{_PYTHON} is missing; `make test` installs it")
    ended = subprocess.run(
        [str(_PYTHON), "-m", "tests.sdks.answer_types"],
        input="".join(json.dumps(one) + "\n" for one in said), capture_output=True, text=True, check=True, cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder)}, timeout=100,
    )  # fmt: skip
    lines = ended.stdout.split("\n")[:-1]
    assert len(lines) == len(said)
    return lines


@pytest.mark.timeout(120)
def test_answers_and_events_are_what_the_callers_sdk_demands(tmp_path: Path) -> None:
    said = [one for pair in PAIRS for one in spoken(*pair)]
    found = zip(said, sorted_out(said, tmp_path), strict=True)
    assert [f"{one['dialect']} {json.dumps(one['value'])}: {wrong}" for one, wrong in found if wrong] == []


@pytest.mark.timeout(120)
def test_the_types_find_what_is_wrong(tmp_path: Path) -> None:
    kinds = [(name, event) for name in DIALECTS for event in (False, True) if (name, event) != (_FOLDED, True)]
    wrong = {"type": "message_start", "id": 7, "choices": 7, "output": 7, "candidates": 7, "message": 7}
    said = [{"dialect": name, "event": event, "value": wrong} for name, event in kinds]
    assert [kind for kind, found in zip(kinds, sorted_out(said, tmp_path), strict=True) if not found] == []
