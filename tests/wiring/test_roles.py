"""Roles: which may share a process, and the addresses of the inner ones."""

from pathlib import Path

import pytest

from pilothouse.errors import SettingsInvalid
from pilothouse.wiring import addresses, ports
from pilothouse.wiring.data_folder import prepare
from pilothouse.wiring.roles import ALONE, APART, TOGETHER, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gateway", ("gateway",)),
        ("platform", ("api", "ingest")),
        ("ingest, api ,gateway", ("gateway", "api", "ingest")),
        ("store", ("store",)),
        ("local-model,local-model", ("local-model",)),
    ],
)
def test_a_list_of_roles_is_read(text: str, expected: tuple[str, ...]) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "unknown role"), ("gatway", "unknown role 'gatway'"), ("store,api", "process of its own")],
)
def test_what_cannot_be_is_refused(text: str, said: str) -> None:
    with pytest.raises(SettingsInvalid, match=said):
        parse(text)


def test_each_role_names_code_that_exists() -> None:
    root = Path(addresses.__file__).parents[2]
    for path in (*TOGETHER.values(), *ALONE.values(), *APART.values()):
        module, _, function = path.partition(":")
        assert f"def {function}(" in (root / f"{module.replace('.', '/')}.py").read_text()


def test_an_address_stays_while_its_port_is_free(tmp_path: Path) -> None:
    layout = prepare(tmp_path)
    first = addresses.settle(layout, addresses.STORE)
    assert layout.address(addresses.STORE).stat().st_mode & 0o077 == 0
    assert addresses.settle(layout, addresses.STORE) == first == addresses.find(layout, addresses.STORE)
    with ports.listen(addresses.HOST, first.port, "X"):
        moved = addresses.settle(layout, addresses.STORE)
    assert moved.port != first.port
    assert moved.secret == first.secret
    assert first.secret not in repr(first)


def test_a_damaged_address_is_told(tmp_path: Path) -> None:
    layout = prepare(tmp_path)
    layout.address(addresses.STORE).write_text("{")
    with pytest.raises(SettingsInvalid, match="damaged"):
        addresses.find(layout, addresses.STORE)


def test_a_forgotten_address_is_gone(tmp_path: Path) -> None:
    layout = prepare(tmp_path)
    addresses.settle(layout, addresses.LOCAL_MODEL)
    addresses.forget(layout, addresses.LOCAL_MODEL)
    addresses.forget(layout, addresses.LOCAL_MODEL)
    assert addresses.find(layout, addresses.LOCAL_MODEL) is None
