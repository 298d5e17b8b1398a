"""The generated pages say what the code says."""

from pathlib import Path

import pytest

from pilothouse import settings
from pilothouse.cli import reference

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", list(reference.PAGES))
def test_a_reference_page_is_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text() == reference.render(name), "run `make docs`"


def test_every_setting_is_on_the_page_with_its_names() -> None:
    text = (FOLDER / "settings.md").read_text()
    for row in settings.rows():
        for name in row.env:
            assert f"`{name}`" in text


def test_a_setting_whose_name_does_not_say_it_all_is_explained() -> None:
    """Hosts, ports, timeouts in seconds and sizes in bytes speak for themselves."""
    plain = ("host", "port", "username", "secret", "database", "_s", "_bytes", "_threads")
    silent = [
        row.key
        for row in settings.rows()
        if not reference.field_doc(row.owner, row.field) and not row.field.endswith(plain)
    ]
    assert silent == []
