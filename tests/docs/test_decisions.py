"""Every decision record has its four parts, and the list names them all."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, headings, name

FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
PARTS = ["Situation", "Choice", "What we gave up", "What would reopen it"]


@pytest.mark.parametrize("record", RECORDS, ids=name)
def test_a_record_has_its_four_parts(record: Path) -> None:
    title, *parts = headings(record)
    number = record.name.partition("-")[0]
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", record.name)
    assert title.text.startswith(f"{number}. ")
    assert [heading.text for heading in parts] == PARTS
    for part in re.split(r"^## .*$", record.read_text(), flags=re.MULTILINE)[1:]:
        assert part.strip()


def test_records_are_numbered_without_gaps() -> None:
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_the_list_names_every_record_as_it_names_itself() -> None:
    text = (FOLDER / "README.md").read_text()
    for record in RECORDS:
        number, _, title = headings(record)[0].text.partition(". ")
        assert f"- [{number}]({record.name}) {title}\n" in text
