"""The file of prices is read again when it changes, and a broken one changes nothing."""

from pathlib import Path

import pytest

from pilothouse.catalog.prices import NO_OVERRIDES, Catalog
from pilothouse.errors import SettingsInvalid
from pilothouse.wiring.prices import PriceFile, priced_by


async def test_changes_are_taken_over_and_mistakes_are_not(tmp_path: Path) -> None:
    path, catalog = tmp_path / "prices.toml", Catalog()
    file = PriceFile(path, catalog)
    path.write_text("[[price]]\nmodel = 'a'\ninput_usd = 1\n")
    file.load()
    first = catalog.overrides
    await file.tick()
    assert catalog.overrides is first
    path.write_text("[[price]]\nmodel = 'a'\ninput_usd = 'much'\n")
    await file.tick()
    assert catalog.overrides is first
    assert "input_usd" in catalog.overrides_problem
    path.write_text("[[price]]\nmodel = 'abc'\ninput_usd = 2\n")
    await file.tick()
    assert (catalog.overrides_problem, catalog.overrides.rows[0].model) == ("", "abc")


async def test_a_catalog_is_made_with_the_file_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    async with priced_by(None) as catalog:
        assert catalog.overrides is NO_OVERRIDES
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        async with priced_by(path):
            pass
    path.write_text("[[price]]\nmodel = 'a'\ninput_usd = 1\n")
    async with priced_by(path) as catalog:
        assert [row.model for row in catalog.overrides.rows] == ["a"]
