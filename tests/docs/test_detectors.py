"""The page of detectors names every one as the code does."""

from pilothouse.domain.redaction.detectors import DETECTORS
from tests.docs.pages import ROOT


def test_the_page_lists_the_detectors_there_are() -> None:
    text = (ROOT / "docs" / "reference" / "detectors.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{one.name}` | {one.about} | `{one.sample}` |" for one in DETECTORS.values()]
