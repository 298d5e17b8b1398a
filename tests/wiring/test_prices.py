"""The file of prices is read again when it changes, and a broken one changes nothing."""

from pathlib import Path

import pytest

from pilothouse.catalog.prices import Catalog
from pilothouse.errors import SettingsInvalid
from pilothouse.wiring.prices import overrides_of


async def test_changes_are_taken_over_and_mistakes_are_not(tmp_path: Path) -> None:
    path, catalog = tmp_path / "prices.toml", Catalog()
    assert overrides_of(None, catalog) is None
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        overrides_of(path, catalog)
    path.write_text("[[price]]\nmodel = 'a'\ninput_usd = 1\n")
    file = overrides_of(path, catalog)
    assert file is not None
    first = catalog.overrides
    await file.tick()
    assert catalog.overrides is first
    path.write_text("[[price]]\nmodel = 'a'\ninput_usd = 'much'\n")
    await file.tick()
    assert catalog.overrides is first
    assert file.problem is not None
    path.write_text("[[price]]\nmodel = 'abc'\ninput_usd = 2\n")
    await file.tick()
    assert (file.problem, catalog.overrides.rows[0].model) == (None, "abc")
